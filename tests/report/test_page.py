# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift report in a browser: by keyboard, in light and dark, on a phone, on paper, large.

MAILOPS_SCREENSHOTS=pictures pytest tests/report    # leaves screenshots in that folder
"""

from __future__ import annotations

import base64
import os
import pathlib
import random
import time

import pytest

from support import drift_fleet

axe_selenium_python = pytest.importorskip(
    "axe_selenium_python", reason="tests/requirements/report.txt is not installed"
)

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

AXE = pathlib.Path(axe_selenium_python.__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
KINDS = [
    "removed_port",
    "stray_listener",
    "stale_certificate",
    "other_encryption",
    "edited_config",
    "bare",
    "unreachable",
    "refused",
]


def every_kind():
    """A host of each kind of drift, and others."""
    made = []
    for index, kind in enumerate([*KINDS, "expired", "expiring", "resting", "clean"]):
        host = drift_fleet.FleetHost(
            "mx%02d.example.com" % index, index, 3, 5, random.Random(index)
        )
        if kind in KINDS:
            getattr(host, kind)()
        elif kind == "resting":
            host.removed_port()
            host.more["maintenance"] = True
        elif kind != "clean":
            host.expiring(-3 if kind == "expired" else 5)
        made.append(host.finding())
    return made


@pytest.fixture
def one_of_each(page):
    return page("one_of_each", every_kind())


@pytest.fixture
def large(page):
    return page("large", drift_fleet.fleet(500, 10, 8))


def shown(browser):
    return browser.run(
        "return Array.from(document.querySelectorAll('.host:not([hidden]) h3'))"
        ".map(heading => heading.textContent)"
    )


def unfold(browser, everything=True):
    browser.run(
        "document.querySelectorAll(arguments[0]).forEach(details => { details.open = true; })",
        "details" if everything else ".host",
    )


def settle(browser):
    """Let it draw."""
    browser.driver.execute_async_script(
        "const done = arguments[0];"
        "requestAnimationFrame(() => requestAnimationFrame(() => done()));"
    )


def test_the_page_makes_no_request_and_logs_nothing(browser, one_of_each):
    browser.show(one_of_each)
    unfold(browser)
    settle(browser)
    browser.picture("unfolded")
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [
        one_of_each.as_uri()
    ]


def test_texts_of_hosts_stay_text(browser, page):
    script = "document.title='pwned'"
    evil = '</script><script>%s</script><img src=x onerror="%s">\'">' % (script, script)
    browser.show(
        page(
            "evil",
            [
                drift_fleet.finding(
                    evil,
                    before=[
                        drift_fleet.seen("192.0.2.1", 993, "wrong_protocol", evil, greeting=evil)
                    ],
                ),
                {"host": evil, "result": {"failed": True, "msg": evil}},
            ],
        )
    )
    unfold(browser)
    browser.driver.find_element(By.ID, "filter").send_keys("</script>")
    settle(browser)
    assert browser.complaints() == []
    assert browser.driver.title == "1 of 2 hosts has drifted"
    assert shown(browser) == [evil, evil]
    assert browser.run("return document.scripts.length + document.images.length") == 1


def test_an_injected_script_does_not_run(browser, page, tmp_path):
    text = page("one_of_each", every_kind()).read_text(encoding="utf-8")
    changed = tmp_path / "changed.html"
    changed.write_text(
        text.replace(
            "</main>",
            "<script>document.title = 'pwned'</script>"
            "<img src=x onerror=\"document.title = 'pwned'\"></main>",
        )
    )
    browser.show(changed)
    assert browser.driver.title != "pwned"
    assert "Content Security Policy" in str(browser.complaints())


def test_hosts_are_found_by_keyboard(browser, one_of_each):
    browser.show(one_of_each)
    everybody = shown(browser)
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip to the hosts"
    for dummy in range(20):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        if browser.run("return document.activeElement.id") == "filter":
            break
    box = browser.driver.switch_to.active_element
    assert box.get_attribute("id") == "filter"
    for typed, found in (
        ("mx03", ["mx03.example.com"]),
        ("2001:db8:4::1", ["mx03.example.com"]),
        ("TIMED out", ["mx06.example.com"]),
        ("nobody", []),
    ):
        box.send_keys(typed)
        settle(browser)
        assert shown(browser) == found
        assert browser.driver.find_element(By.ID, "shown").text == "%d of 12 shown" % len(found)
        box.send_keys(Keys.ESCAPE)
        settle(browser)
    assert shown(browser) == everybody


def test_a_host_unfolds_by_keyboard_and_a_cell_links_to_its_note(browser, one_of_each):
    browser.show(one_of_each)
    host = browser.driver.find_element(By.CSS_SELECTOR, ".host")
    host.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert host.get_attribute("open")
    link = host.find_element(By.CSS_SELECTOR, "td a")
    link.send_keys(Keys.ENTER)
    settle(browser)
    target = browser.driver.find_element(By.CSS_SELECTOR, ".notes > li:target")
    assert target.is_displayed() and link.text in target.text
    assert browser.run(
        "const box = arguments[0].getBoundingClientRect();"
        "return box.top >= 0 && box.bottom <= innerHeight",
        target,
    )


def test_chips_filter_the_hosts(browser, one_of_each):
    browser.show(one_of_each)

    def press(words):
        (chip,) = [
            chip
            for chip in browser.driver.find_elements(By.CSS_SELECTOR, "button.chip")
            if chip.text.replace("✓", "").strip().startswith(words)
        ]
        chip.send_keys(Keys.SPACE)
        return chip.get_attribute("aria-pressed")

    assert press("wrong certificate") == "true"
    assert shown(browser) == ["mx02.example.com"]
    assert press("unexpected") == "true"
    assert shown(browser) == ["mx02.example.com", "mx01.example.com"]
    assert press("clean") == "true"
    assert shown(browser) == []
    assert [press("clean"), press("unexpected"), press("wrong certificate")] == ["false"] * 3
    press("Declared against")
    assert shown(browser) == ["mx05.example.com", "mx04.example.com"]
    browser.driver.find_element(By.ID, "unfold").click()
    assert browser.run("return document.querySelectorAll('.host[open]').length") == 2
    browser.driver.find_element(By.ID, "fold").click()
    assert browser.run("return document.querySelectorAll('.host[open]').length") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible(browser, one_of_each, dark, width):
    browser.show(one_of_each, width=width, dark=dark)
    unfold(browser)
    browser.run(
        "document.querySelectorAll('.host')"
        ".forEach(host => { host.style.contentVisibility = 'visible'; })"
    )
    browser.run(AXE.read_text(encoding="utf-8"))
    results = browser.driver.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']})"
        ".then(arguments[0], error => arguments[0]({violations: [String(error)]}))"
    )
    found = [
        (rule["id"], rule["help"], [node["html"] for node in rule["nodes"][:3]])
        for rule in results["violations"]
    ]
    assert found == []
    assert {"color-contrast", "label", "scope-attr-valid", "heading-order"} <= {
        rule["id"] for rule in results["passes"]
    }


def test_dark_is_dark(browser, one_of_each):
    def lightness(selector):
        color = browser.run(
            "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor",
            selector,
        )
        return sum(map(int, color[4:-1].split(",")))

    browser.show(one_of_each)
    browser.picture("light")
    assert lightness("body") > 600
    browser.show(one_of_each, dark=True)
    browser.picture("dark")
    assert lightness("body") < 150 and lightness(".host") < 150


def test_it_fits_a_phone(browser, one_of_each):
    browser.show(one_of_each, width=390, height=844)
    browser.picture("phone")
    unfold(browser)
    settle(browser)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert browser.run(
        "return Array.from(document.querySelectorAll('.scroll'))"
        ".some(box => box.scrollWidth > box.clientWidth)"
    )


def test_it_works_without_javascript(browser, one_of_each):
    browser.show(one_of_each, script=False)
    assert not browser.driver.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
    assert browser.driver.find_element(By.TAG_NAME, "h1").text == "6 of 11 hosts have drifted"
    browser.driver.find_element(By.CSS_SELECTOR, ".host > summary").click()
    assert browser.driver.find_element(By.CSS_SELECTOR, ".host table").is_displayed()
    browser.cdp("Emulation.setScriptExecutionDisabled", value=False)


def test_it_prints(browser, one_of_each, tmp_path):
    browser.show(one_of_each)
    paper = base64.b64decode(
        browser.cdp("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"]
    )
    assert paper.startswith(b"%PDF") and len(paper) > 20_000
    assert browser.run("return document.querySelectorAll('.host[open]').length") == 0
    folder = os.environ.get("MAILOPS_SCREENSHOTS")
    if folder:
        (pathlib.Path(folder) / "printed.pdf").write_bytes(paper)


def test_five_hundred_hosts_open_and_scroll_fast(browser, large):
    """The bounds are far above what was measured, for busy machines."""
    began = time.monotonic()
    browser.show(large)
    settle(browser)
    opened = time.monotonic() - began
    browser.picture("large")
    assert len(shown(browser)) == 500
    began = time.monotonic()
    box = browser.driver.find_element(By.ID, "filter")
    box.send_keys("mx499")
    settle(browser)
    filtered = time.monotonic() - began
    assert shown(browser) == ["mx499.example.com"]
    box.send_keys(Keys.ESCAPE)
    settle(browser)
    longest = {}
    for state in ("folded", "unfolded"):
        if state == "unfolded":
            browser.driver.find_element(By.ID, "unfold").click()
            settle(browser)
        longest[state] = browser.driver.execute_async_script("""
            const done = arguments[0], frames = [];
            let last = performance.now(), steps = 0;
            function step(now) {
                frames.push(now - last);
                last = now;
                if (++steps > 120) { done(frames.slice(1).sort((a, b) => a - b)); return; }
                scrollBy(0, 400);
                requestAnimationFrame(step);
            }
            scrollTo(0, 0);
            requestAnimationFrame(step);
        """)
        browser.picture("large_" + state)
    print(
        "\n%d bytes; opened in %.2f s, filtered in %.2f s; "
        "frames while scrolling, median and 95 %%, in ms: %s"
        % (
            large.stat().st_size,
            opened,
            filtered,
            ", ".join(
                "%s %.0f, %.0f" % (state, frames[60], frames[114])
                for state, frames in longest.items()
            ),
        )
    )
    assert large.stat().st_size < 5_000_000
    assert opened < 20 and filtered < 5
    assert longest["folded"][60] < 300 and longest["unfolded"][60] < 600
    assert browser.complaints() == []
