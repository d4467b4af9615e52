# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One conversation with a mail server, by Python's own clients. See clients.py.

python client.py WHAT <options.json >answer.json
"""

from __future__ import annotations

import contextlib
import email.message
import imaplib
import json
import poplib
import smtplib
import ssl
import sys
import time

TIMEOUT = 10


def context(how):
    """The certificate must be good; for C(name), where there is one, or else for the address."""
    made = ssl.create_default_context(cafile=how["ca"])
    wrap = made.wrap_socket
    made.wrap_socket = lambda sock, **options: wrap(
        sock, **{**options, "server_hostname": how["name"] or how["address"]}
    )
    return made


@contextlib.contextmanager
def smtp(how):
    if how["tls"] == "ssl":
        client = smtplib.SMTP_SSL(
            how["address"], how["port"], "client.test", timeout=TIMEOUT, context=context(how)
        )
    else:
        client = smtplib.SMTP(how["address"], how["port"], "client.test", timeout=TIMEOUT)
    with client:
        if how["tls"] == "starttls":
            client.starttls(context=context(how))
        client.ehlo_or_helo_if_needed()
        yield client


def smtp_send(how):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = how["sender"], how["to"], how["subject"]
    message.set_content("Hello!\n")
    with smtp(how) as client:
        if how["user"]:
            client.login(how["user"], how["password"])
        client.send_message(message)


def smtp_capabilities(how):
    with smtp(how) as client:
        return client.esmtp_features


def imap_fetch(how):
    if how["tls"] == "ssl":
        client = imaplib.IMAP4_SSL(
            how["address"], how["port"], ssl_context=context(how), timeout=TIMEOUT
        )
    else:
        client = imaplib.IMAP4(how["address"], how["port"], timeout=TIMEOUT)
    with client:
        if how["tls"] == "starttls":
            client.starttls(context(how))
        client.login(how["user"], how["password"])
        end = time.monotonic() + how["patience"]
        while True:
            client.select(readonly=True)
            _status, (numbers,) = client.search(
                None, *(["SUBJECT", f'"{how["subject"]}"'] if how["subject"] else ["ALL"])
            )
            if numbers or not how["subject"] or time.monotonic() > end:
                break
            time.sleep(0.05)
        return [
            client.fetch(number.decode(), "(RFC822)")[1][0][1].decode()
            for number in numbers.split()
        ]


def pop_list(how):
    if how["tls"] == "ssl":
        client = poplib.POP3_SSL(how["address"], how["port"], timeout=TIMEOUT, context=context(how))
    else:
        client = poplib.POP3(how["address"], how["port"], timeout=TIMEOUT)
    try:
        if how["tls"] == "starttls":
            client.stls(context(how))
        client.user(how["user"])
        client.pass_(how["password"])
        subjects = []
        for entry in client.list()[1]:
            lines = client.top(int(entry.split()[0]), 0)[1]
            subjects += [
                line.decode().partition(": ")[2]
                for line in lines
                if line.lower().startswith(b"subject: ")
            ]
        return subjects
    finally:
        client.quit()


def main():
    how = json.load(sys.stdin)
    try:
        answer = {"answer": globals()[sys.argv[1]](how)}
    except (
        OSError,
        EOFError,
        smtplib.SMTPException,
        imaplib.IMAP4.error,
        poplib.error_proto,
    ) as error:
        answer = {"refused": f"{type(error).__name__}: {error}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
