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
        Not used with O(store=smartermail).
      - It must be printable. For a task that runs as root, every folder on the way to it must
        belong to root, and no other user may be able to write there.
      - A file that does not exist is the same as one without ports and addresses.
    type: path
    default: /etc/mail-bindings/bindings.json
  store:
    description:
      - Where the bindings live.
      - V(file) is the JSON file at O(config_path).
      - V(smartermail) is a SmarterMail server, through its administration API (added in
        mailops.bindings 0.2.0). Such tasks run on the controller, with C(connection) V(local) or
        C(delegate_to), for one server each.
      - With V(smartermail) an address without ports and host name is the same as one that is not
        there, since the list of addresses is that of the server's network card.
      - There, addresses have no O(ignore:description) and are not O(ignore:floating), the private
        key is in the certificate's file (PFX), and files of certificates are the server's, so that
        they are not checked. How the API calls submission and ldap is not known - over SOAP they
        can be changed and made where the server has one port of the protocol, over REST they stay
        as they are.
      - What is on the server and has no place in a bindings config, or breaks its rules, is named
        in RV(ignore:unmapped) and stays as it is.
    type: str
    choices: [file, smartermail]
    default: file
  smartermail_url:
    description:
      - The server's web interface, as V(https://mail.example.com). Needed with
        O(store=smartermail).
      - With C(http) only on the server itself (loopback addresses), since the password would be
        read on the way. Redirects are not followed.
      - If the value is not specified in the task, the value of environment variable
        E(SMARTERMAIL_URL) will be used instead.
    type: str
    version_added: 0.2.0
  smartermail_username:
    description:
      - A system administrator, without two-factor authentication. Needed with O(store=smartermail).
      - If the value is not specified in the task, the value of environment variable
        E(SMARTERMAIL_USERNAME) will be used instead.
    type: str
    version_added: 0.2.0
  smartermail_password:
    description:
      - The administrator's password. Needed with O(store=smartermail).
      - A login that is refused is not tried again, since the server may block clients that do.
      - If the value is not specified in the task, the value of environment variable
        E(SMARTERMAIL_PASSWORD) will be used instead.
    type: str
    version_added: 0.2.0
  smartermail_api:
    description:
      - V(rest) is C(/api/v1), of SmarterMail 17 and later. It reads all with one call. It can't
        edit a port or assign one that is there, so that the port is deleted and added again, and it
        can't say host names of addresses.
      - V(soap) is C(/Services/svcServerAdmin.asmx), of SmarterMail 10 to 16, and kept in later
        ones. It can assign a port, and edits it by adding it again beside the old one. It can't
        list the server's addresses, so that only those are seen that have a host name or that the
        task names.
      - V(auto) is V(rest) where the server has it, otherwise V(soap).
    type: str
    choices: [auto, rest, soap]
    default: auto
    version_added: 0.2.0
  smartermail_validate_certs:
    description:
      - Verify the certificate of the server's web interface.
    type: bool
    default: true
    version_added: 0.2.0
  smartermail_ca_path:
    description:
      - A PEM file on the host that the task runs on, with the authority that the certificate of the
        web interface is from.
    type: path
    version_added: 0.2.0
  smartermail_timeout:
    description:
      - Seconds for each call. Answers of a server that is starting or busy (HTTP 408, 429 and 5xx,
        pages in place of data) are asked for again until then.
    type: float
    default: 30
    version_added: 0.2.0
requirements:
  - Python 3.9 or later on the host.
  - jsonschema 3.2 or later (Debian's C(python3-jsonschema)), only to say where a value or a config
    is not valid.
"""
