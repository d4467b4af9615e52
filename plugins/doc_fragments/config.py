# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the bindings config is: all modules."""

    DOCUMENTATION = r"""
options:
  config_path:
    description:
      - The bindings config, a JSON file on the host. An absolute path; a symbolic link is followed.
      - A file that does not exist is the same as one without ports and addresses.
    type: path
    default: /etc/mail-bindings/bindings.json
  store:
    description:
      - Where the bindings live.
      - V(file) is the JSON file at O(config_path).
    type: str
    choices: [file]
    default: file
requirements:
  - Python 3.9 or later on the host.
  - jsonschema 3.2 or later (Debian's C(python3-jsonschema)), only to say where a value or a config is not valid.
"""
