# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, as Debian has it, and pages for it to open."""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import pytest

pytest.importorskip("selenium", reason="tests/requirements/report.txt is not installed")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402

from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.page import drift_html  # noqa: E402
from ansible_collections.mailops.bindings.plugins.plugin_utils._drift.report import drift_report  # noqa: E402


class Browser:
    """Chromium with a page, what its console said and what it asked the network for."""

    def __init__(self, driver):
        self.driver = driver

    def show(
        self,
        path: pathlib.Path,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        script: bool = True,
        media: str = "",
    ) -> None:
        """Open the page so."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.cdp(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.cdp("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get("about:blank")
        self.complaints()
        self.requests()
        self.driver.get(path.as_uri())

    def cdp(self, command: str, **arguments):
        """Send a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script: str, *arguments):
        """The value of some JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list:
        """The console's messages since the last call."""
        return self.driver.get_log("browser")

    def requests(self) -> list:
        """The addresses that the page requested since the last call."""
        messages = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, name: str) -> None:
        """A screenshot, where a folder for them is given in MAILOPS_SCREENSHOTS."""
        folder = os.environ.get("MAILOPS_SCREENSHOTS")
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(pathlib.Path(folder) / (name + ".png")))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if not all(programs):
        pytest.skip(
            "THE REPORT WAS NOT READ IN A BROWSER: "
            "it takes Debian's packages chromium and chromium-driver"
        )
    options = Options()
    options.binary_location = programs[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--force-prefers-reduced-motion",
        "--user-data-dir=%s" % tmp_path_factory.mktemp("chromium"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """page(name, findings): the report on them as a file; made once."""
    folder, made = tmp_path_factory.mktemp("pages"), {}

    def make(name, findings):
        if name not in made:
            made[name] = folder / (name + ".html")
            made[name].write_text(
                drift_html(drift_report(findings, "2026-11-22T10:36:13Z")), encoding="utf-8"
            )
        return made[name]

    return make
