# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role writes is quoted for its reader, systemd or Python."""

from __future__ import annotations

import os

import pytest

from .test_renewed import ROLE

pytestmark = pytest.mark.needs_ansible

MANAGED = "managed\nExecStart=/bin/evil\r[Service]\x0bimport os\u2028and 100 %"


def rendered(name, **variables):
    import jinja2

    environment = jinja2.Environment(trim_blocks=True)  # as ansible.builtin.template has it
    environment.filters["dirname"] = os.path.dirname
    environment.globals["lookup"] = lambda *arguments, **options: "program\n"
    text = (ROLE / "templates" / name).read_text(encoding="utf-8")
    return environment.from_string(text).render(ansible_managed=MANAGED, **variables)


@pytest.mark.parametrize("kind", [".path", ".service", ""])
def test_a_managed_string_of_several_lines_is_all_comment(kind):
    text = rendered("mail-bindings-renewed%s.j2" % kind, mail_bindings__certificate_files=[])
    start = text.index("# managed")
    own = text[: text.index("program" if kind == "" else "[Unit]")][start:]
    assert own.splitlines() == [
        "# managed",
        "# ExecStart=/bin/evil",
        "# [Service]",
        "# import os",
        "# and 100 %",
    ]
    assert text.startswith("# " if kind else "#!/usr/bin/python3\n# ")


def test_watched_folders_are_what_systemd_reads():
    """systemd.syntax(7): specifiers, blanks at the end, and a backslash that continues a line."""
    files = ["/etc/100%n/c.pem", "/etc/blank /c.pem", "/etc/back\\/c.pem", "/etc/back\\/key.pem"]
    text = rendered("mail-bindings-renewed.path.j2", mail_bindings__certificate_files=files)
    assert [line for line in text.splitlines() if line.startswith("PathChanged")] == [
        "PathChanged=/etc/100%%n/",
        "PathChanged=/etc/blank /",
        "PathChanged=/etc/back\\/",
    ]
