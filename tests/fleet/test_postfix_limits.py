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


def test_certificates_by_name_count_where_they_are_other_ones_than_declared(
    postfix, postfix_certificates, clients
):
    host, ((b, b_print), (c, c_print)) = postfix.host, postfix_certificates
    host.run(
        f"cat {b[1]} {b[0]} >/etc/ssl/mail/sni.pem; cat {c[0]} >/etc/ssl/mail/c2.pem; printf '%s\\n' "
        "'other.test /etc/ssl/mail/sni.pem' '.wild.test /etc/ssl/mail/sni.pem' "
        "'same.test /etc/ssl/mail/c2.pem' >/etc/postfix/sni; postmap -F hash:/etc/postfix/sni"
    )

    def refused(name, files=c):
        wanted = [{**listener(host.four, 25, files=files), "hostname": name}]
        return postfix("apply", wanted=wanted, dry=True)["refusals"]

    def served(name):
        return clients.served_certificate(host.four, 25, "smtp", name)

    try:
        with postfix.written(
            host.read(MAIN) + "tls_server_sni_maps = hash:/etc/postfix/sni\n", MAIN
        ):
            # it beats all other settings
            assert served("other.test") == served("a.b.wild.test") == b_print
            reasons = [entry["reason"] for entry in postfix("read")["unmapped"]]
            assert [reason for reason in reasons if "tls_server_sni_maps" in reason]
            for name in ("other.test", "OTHER.test", "a.b.wild.test"):
                (message,) = refused(name)
                assert f"clients that ask for {name} get another certificate than {c[0]}" in message
                assert refused(name, b) == []
            assert refused("same.test") == refused("none.test") == []
            # names choose further certificates, as before
            postfix.done([listener(host.four, 25, files=c)])
            assert served("other.test") == b_print and served("none.test") == c_print
            postfix("apply", wanted=None)
            overridden = host.read(MASTER).replace(
                "smtpd\n", "smtpd\n  -o tls_server_sni_maps=\n", 1
            )
            with postfix.written(overridden):
                postfix.done([{**listener(host.four, 25, files=c), "hostname": "other.test"}])
                assert served("other.test") == c_print
                postfix("apply", wanted=None)
    finally:
        host.run("rm /etc/postfix/sni*")


SCREENS = """\
smtp      inet  n       -       y       -       1       postscreen
10025     inet  n       -       y       -       1       postscreen
smtpd     pass  -       -       y       -       -       smtpd
dnsblog   unix  -       -       y       -       0       dnsblog
tlsproxy  unix  -       -       y       -       0       tlsproxy
"""


def test_postscreens_with_a_shared_cache_are_adopted_and_moved(postfix, clients):
    """Two of them, as mailcow has them; then on two addresses."""
    host = postfix.host
    stock = "smtp      inet  n       -       y       -       -       smtpd\n"
    shared = (
        host.read(MAIN)
        + "postscreen_cache_map = proxy:btree:$data_directory/pscache\npostscreen_greet_wait = 1s\n"
    )
    with postfix.written(host.read(MASTER).replace(stock, SCREENS)):
        # without a shared cache it is left alone as well
        found = postfix("apply", wanted="what it has")
        assert found["refusals"] == [] and not any(MASTER in step for step in found["steps"])
        kept = [each for each in found["listeners"] if each["port"] != 25]
        moved = [*kept, listener(host.four, 25), listener(host.four2, 25)]
        (message,) = postfix("apply", wanted=moved)["refusals"]
        assert "set postscreen_cache_map = proxy:btree:/var/lib/postfix/postscreen_cache" in message
        with postfix.written(shared, MAIN):
            postfix.done(moved)
            for address in (host.four, host.four2):
                for _visit in range(2):
                    served = clients.served_certificate(address, 25, "smtp", timeout=20)
                    assert served == host.facts["fingerprint"]
            assert postfix("apply", wanted=None)["failed"] == ""


def test_tls_that_is_only_offered_becomes_required_and_this_is_said(postfix):
    host = postfix.host
    text = host.read(MASTER).replace("smtpd_tls_security_level=encrypt", "smtpd_tls_auth_only=yes")

    def sends_without_tls():
        said = host.run(
            "timeout 10 bash -c 'exec 3<>/dev/tcp/%s/587; read -r x <&3; echo EHLO x.test >&3; "
            "while read -r x <&3; do case $x in 250\\ *) break;; esac; done; "
            'echo "MAIL FROM:<>" >&3; read -r x <&3; echo "$x"; echo QUIT >&3\'' % host.four
        ).stdout
        return said.startswith("250")

    with postfix.written(text):
        assert sends_without_tls()
        read = postfix("read")
        assert [
            each for each in read["unmapped"] if "TLS is offered and not required" in each["reason"]
        ]
        adopted = postfix("apply", wanted="what it has")
        assert adopted["steps"] == [] and "To require it, add" in adopted["warnings"][0]
        told = postfix.done([listener(host.four, 587)])
        assert told["warnings"][0].startswith(f"{host.four}:587: TLS becomes required")
        assert not sends_without_tls()
        postfix("apply", wanted=None)
        assert sends_without_tls()


def test_main_cf_that_no_program_accepts_is_refused_by_the_validation(postfix):
    host = postfix.host
    main, before = host.read(MAIN), postfix.sockets()
    try:
        host.write(MAIN, main + "myorigin =\n")
        told = postfix("apply", wanted=[listener(host.four, 25)])
        assert "does not accept its main.cf" in told["failed"] and "myorigin" in told["failed"]
        assert told["running"] and postfix.sockets() == before
        host.write(MAIN, main)
        postfix("stop")
        host.write(MAIN, main + "myorigin =\n")
        assert not postfix("read")["running"]
    finally:
        host.write(MAIN, main)
        postfix.restart()


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
        assert len(refused) == 1 and "several of its entries can't share its cache" in refused[0]
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
