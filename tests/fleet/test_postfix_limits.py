# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Postfix can't do is refused, and a new file is validated."""

from __future__ import annotations

from .postfix_hosts import MAIN, MASTER, different, listener

VALIDATION = """
from ansible_collections.mailops.bindings.plugins.module_utils._servers.postfix import server

for text in (
    b"smtp inet n - n - smtpd\\n",
    b"smtp inet n - n - - smtpd\\n  -o smtpd_tls_sekurity=may\\n",
    b"smtp inet n - n - - smtpd\\n",
):
    try:
        print(server.Postfix().validate({"/etc/postfix/master.cf": text}))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_submission_without_a_way_to_check_logins_is_refused(postfix, clients):
    host = postfix.host
    text = host.read(MASTER)
    without = text[: text.index("submission inet")] + "\n" + text[text.index("pickup") :]
    main = host.read(MAIN).replace("smtpd_sasl_type", "#").replace("smtpd_sasl_path", "#")
    with postfix.written(without), postfix.written(main, MAIN):
        told = postfix("apply", wanted=[listener(host.four, 587)])
        assert "smtpd_sasl_type = dovecot" in told["refusals"][0] and len(told["refusals"]) == 1


def test_certificates_by_name_are_refused_or_overridden(postfix, postfix_certificates, clients):
    host, ((b, b_print), (c, c_print)) = postfix.host, postfix_certificates
    host.run(
        f"cat {b[1]} {b[0]} >/etc/ssl/mail/sni.pem; "
        "echo other.test /etc/ssl/mail/sni.pem >/etc/postfix/sni; "
        "postmap -F hash:/etc/postfix/sni"
    )
    try:
        with postfix.written(
            host.read(MAIN) + "tls_server_sni_maps = hash:/etc/postfix/sni\n", MAIN
        ):
            # it beats all other settings
            assert clients.served_certificate(host.four, 25, "smtp", "other.test") == b_print
            reasons = [entry["reason"] for entry in postfix("read")["unmapped"]]
            assert [reason for reason in reasons if "tls_server_sni_maps" in reason]
            assert (
                "tls_server_sni_maps"
                in postfix("apply", wanted=[listener(host.four, 25, files=c)])["refusals"][0]
            )
            overridden = host.read(MASTER).replace(
                "smtpd\n", "smtpd\n  -o tls_server_sni_maps=\n", 1
            )
            with postfix.written(overridden):
                postfix.done([listener(host.four, 25, files=c)])
                assert clients.served_certificate(host.four, 25, "smtp", "other.test") == c_print
                postfix("apply", wanted=None)
    finally:
        host.run("rm /etc/postfix/sni*")


def test_postscreen_listens_on_one_address_or_all(postfix, postfix_certificates, clients):
    host, ((b, _b), _c) = postfix.host, postfix_certificates
    text = host.read(MASTER).replace(
        "smtp      inet  n       -       y       -       -       smtpd\n",
        """\
smtp      inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
dnsblog   unix  -       -       y       -       0       dnsblog
tlsproxy  unix  -       -       y       -       0       tlsproxy
""",
    )
    submission = [listener("0.0.0.0", 587), listener("::", 587)]
    with postfix.written(text):
        assert [
            step for step in postfix("apply", wanted="what it has")["steps"] if MASTER in step
        ] == []
        refused = postfix(
            "apply", wanted=[*submission, listener(host.four, 25), listener(host.four2, 25)]
        )["refusals"]
        assert len(refused) == 1 and "postscreen can have only one entry" in refused[0]
        refused = postfix("apply", wanted=[*submission, listener(host.four, 25, files=b)])[
            "refusals"
        ]
        assert len(refused) == 1 and "takes encryption and certificate from main.cf" in refused[0]
        for _round in range(3):
            postfix.done([*submission, listener(host.four, 25)])
            assert (
                clients.served_certificate(host.four, 25, "smtp", timeout=20)
                == host.facts["fingerprint"]
            )
            greeting = host.run(
                "timeout 15 bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; "
                'read -r line <&3; echo "$line"; echo QUIT >&3\''
            ).stdout
            assert greeting.startswith("220 ")
            assert postfix("apply", wanted=None)["failed"] == ""
            assert (
                clients.served_certificate(host.six, 25, "smtp", timeout=20)
                == host.facts["fingerprint"]
            )


def test_validation_reports_what_postfix_reports_and_changes_nothing(postfix):
    host = postfix.host
    order = {"wanted": [listener(host.four, 25)], "spoil": ["smtpd", "smtpd"]}
    postfix("apply", **order)  # after which Postfix has its lock files of these listeners
    before = host.snapshot("/etc", "/var/spool/postfix", "/mnt")
    told = postfix("apply", **order)
    assert told["why"] == "spoiled"
    answers = host.run(
        ["env", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=/root/c", "python3", "-c", VALIDATION]
    ).stdout.splitlines()
    assert "bad field count" in answers[0] or "fatal" in answers[0], answers
    assert "smtpd_tls_sekurity" in answers[1] and answers[2] == "None", answers
    assert different(before, host.snapshot("/etc", "/var/spool/postfix", "/mnt")) == []
