# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every test and linter, a session each: "nox --list" names them, "nox -s NAME" runs one.

script/test runs them all, several at a time. Sessions take options for their tool after "--", as in
"nox -s pytest-2.21 -- -k smtp". What they share is in script/workshop.py.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import sys

import nox

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "script"))
from workshop import FULL, ROOT, VENVS, CommandFailed, Session, link_checkout, register  # noqa: E402 - found by the line above

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"
nox.options.tags = ["default"]

# The ansible-core releases, oldest first, each with the Pythons that it runs on, best first
CORES = {
    "2.17": ("3.11", "3.10", "3.12"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.21": ("3.12", "3.13", "3.14"),
}
# The Pythons that a managed host may have
HOST_PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# The oldest and the newest of them, each with an ansible-core that manages such hosts
TARGETS = {"3.9": "2.17", "3.13": "2.21"}
# Debian releases with their own Python and libraries: bullseye has 3.9, sid has 3.14
CHROOTS = ("bullseye", "bookworm", "trixie", "sid")
CHROOT_PACKAGES = (
    "openssl,python3-cryptography,python3-hypothesis,python3-jsonschema,python3-pytest"
)
HOST_PACKAGES = (
    *("iproute2", "ldap-utils", "mmdebstrap", "mount", "openssh-client", "openssl", "procps"),
)
PROCESSORS = os.cpu_count() or 1
# Tests on hosts mostly wait, so that more of them than there are processors can run
FLEET_WORKERS = os.environ.get("MAILOPS_FLEET_WORKERS", str(min(PROCESSORS + 1, 6)))


# -- what sessions share


def core_python(session: Session, core: str) -> str:
    python = session.find_python(*CORES[core])
    if python is None:
        session.cannot(f"no Python found for ansible-core {core}, of {', '.join(CORES[core])}")
    return python


def newest_core(session: Session) -> str:
    """The newest ansible-core for which there is a Python."""
    found = [core for core in CORES if session.find_python(*CORES[core])]
    return found[-1] if found else session.cannot("no Python found for any ansible-core")


def use_core(session: Session, core: str) -> None:
    """Go on with the virtual environment of this ansible-core, and what the tests need."""
    session.use_venv(f"core-{core}", core_python(session, core), f"core-{core}", "test")


def use_beside_newest_core(session: Session, name: str) -> None:
    """Go on with a virtual environment that has the newest ansible-core, and what C(name) says."""
    core = newest_core(session)
    session.use_venv(name, core_python(session, core), f"core-{core}", name)


def use_hosts(session: Session) -> None:
    """See that there can be whole hosts in namespaces of this machine; a loud end if not."""
    use_core(session, newest_core(session))
    if os.geteuid() != 0:
        session.skip("HOSTS NOT TESTED: it takes root")
    session.need_packages(*HOST_PACKAGES)
    program = "from support.fleet.isolation import why_not_here; print(why_not_here())"
    reason = session.output_of("python", "-c", program, cwd=ROOT / "tests").strip()
    if reason:
        session.cannot(f"HOSTS NOT TESTED: {reason}")


# -- unit tests, and modules through ansible-playbook


@register(tags=("quick",))
def unit(session: Session) -> None:
    """The quick loop: unit tests on the newest ansible-core, but for those that take long."""
    use_core(session, newest_core(session))
    session.pytest(
        *("--hypothesis-profile=quick", "-m", "not full and not once", "tests/unit"),
        parallel=str(min(PROCESSORS, 6)),
    )


# the one that takes longest first
@register(*reversed(CORES))
def pytest(session: Session, name: str) -> None:
    """Unit tests and module tests on one ansible-core."""
    use_core(session, name)
    cores = list(CORES)
    marker = [] if FULL else ["not full"]
    # what is marked so says next to nothing about an ansible-core or a Python
    if name != newest_core(session):
        marker = ["not full and not once"]
    # what takes only a Python runs with a newer ansible-core, if that has the same Python
    newer = [session.find_python(*CORES[core]) for core in cores[cores.index(name) + 1 :]]
    if core_python(session, name) in newer:
        marker.append("needs_ansible")
    session.pytest("-m", " and ".join(marker), "tests/unit", "tests/module")


@register(*HOST_PYTHONS)
def python(session: Session, name: str) -> None:
    """Unit tests on a Python of managed hosts; those with which an ansible-core runs had theirs."""
    found = session.find_python(name)
    if found is None:
        session.skip(f"no Python {name} found")
    for core, pythons in CORES.items():
        if session.find_python(*pythons) == found and not session.posargs:
            session.skip(f"pytest-{core} has run its unit tests")
    use_host_python(session, name, found)
    marker = "not full and not once and not needs_ansible"
    session.pytest("--hypothesis-profile=quick", "-m", marker, "tests/unit")


def use_host_python(session: Session, version: str, found: str) -> pathlib.Path:
    requirements = "test-oldest" if version == "3.9" else "test"
    return session.use_venv(f"python-{version}", found, requirements)


@register(*TARGETS, tags=("full",))
def target(session: Session, name: str) -> None:
    """Module tests on a host with another Python."""
    found = session.find_python(name)
    if found is None:
        session.skip(f"no Python {name} found")
    venv = use_host_python(session, name, found)
    use_core(session, TARGETS[name])
    session.environment["MAILOPS_TARGET_PYTHON"] = str(venv / "bin" / "python")
    session.pytest("-m", "not full", "tests/module")


@register(*CHROOTS, tags=("full",))
def chroot(session: Session, name: str) -> None:
    """Unit tests with the Python and the libraries of a Debian release."""
    if os.geteuid() != 0:
        session.skip(f"CHROOT {name} NOT TESTED: it takes root")
    session.need_packages("mmdebstrap", "mount")
    if session.output_of("unshare", "--mount", "echo", "yes").strip() != "yes":
        session.skip(f"CHROOT {name} NOT TESTED: no mount namespaces here")
    folder = VENVS / "chroots" / name
    made_from = folder / "made-from"
    if not made_from.is_file() or made_from.read_text(encoding="utf-8") != CHROOT_PACKAGES:
        make_chroot(session, folder, name)
        made_from.write_text(CHROOT_PACKAGES, encoding="utf-8")
    shutil.rmtree(folder / "ansible_collections", ignore_errors=True)
    session.copy_checkout(folder)
    # In a mount namespace of its own, so that no mount is left behind, whatever happens.
    script = """
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        exec chroot "$1" sh -euc "
            cd /ansible_collections/mailops/bindings
            PYTHONPATH=/ exec python3 -m pytest -q --hypothesis-profile=quick \
                -m 'not full and not needs_ansible' tests/unit"
    """
    session.run("unshare", "--mount", "sh", "-euc", script, "sh", folder)


def make_chroot(session: Session, folder: pathlib.Path, suite: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The lists of an old suite, or of one that changes daily, may be past their date.
    options = ["--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"']
    try:
        session.run("mmdebstrap", *options, f"--include={CHROOT_PACKAGES}", suite, folder)
    except CommandFailed:
        session.skip(f"CHROOT {suite} NOT TESTED: mmdebstrap could not make it")


# -- ansible-test


@register(*CORES)
def sanity(session: Session, name: str) -> None:
    """ansible-test sanity on one ansible-core."""
    use_core(session, name)
    use_ansible_test(session, name)
    copy = session.copy_checkout()
    options = ["--color", "no", *session.posargs]
    if name != newest_core(session):
        # The newest one imports and compiles all with each Python; that takes most of the time
        version = session.output_of(
            "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
        )
        options += ["--python", version.strip()]
    session.run("ansible-test", "sanity", *options, cwd=copy)
    session.say("no complaints")


@register(*CORES)
def integration(session: Session, name: str) -> None:
    """ansible-test integration on one ansible-core: a story for each module."""
    use_core(session, name)
    use_ansible_test(session, name)
    copy = session.copy_checkout()
    command = ("ansible-test", "integration", "--local", "--color", "no")
    session.run(*command, *session.posargs, cwd=copy)
    targets = list((copy / "tests/integration/targets").iterdir())
    session.say(f"{len(targets)} targets")


# In place of get-pip.py, which ansible-test would else fetch from a site of its own: pip out of the
# wheel that Python has for ensurepip installs itself, and what else is asked for.
GET_PIP = """\
import ensurepip, glob, os, runpy, subprocess, sys
options = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
folder = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
wheels = glob.glob(os.path.join(folder, "pip-*.whl"))
if wheels:
    sys.path.insert(0, wheels[0])
else:
    subprocess.check_call([sys.executable, "-m", "ensurepip"])
sys.argv = ["pip", "install"] + options
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def use_ansible_test(session: Session, core: str) -> None:
    """Let ansible-test make its virtual environments wherever there is a package index."""
    # It keeps things in the home folder, so give it one of its own.
    home = VENVS / "ansible-test" / core
    for folder in (".ansible/test/cache", ".config/pip", ".pip", "bin"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    # It also hides the environment from pip: hand the user's settings on in files. Of the two
    # places where pip looks, the second one has precedence, as has the environment.
    for name in (".pip/pip.conf", ".config/pip/pip.conf"):
        users = pathlib.Path.home() / name
        if users.is_file():
            shutil.copyfile(users, home / ".pip/pip.conf")
    settings = {name[4:]: value for name, value in os.environ.items() if name[:4] == "PIP_"}
    lines = ["[global]", "quiet = 1", *(f"{name} = {value}" for name, value in settings.items())]
    (home / ".config/pip/pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # It looks for Pythons on PATH, and fails on pyenv's shims: show it the real ones.
    for version in HOST_PYTHONS:
        found = session.find_python(version)
        link = home / "bin" / f"python{version}"
        link.unlink(missing_ok=True)
        if found:
            link.symlink_to(found)
    path = [word for word in session.environment["PATH"].split(":") if not word.endswith("/shims")]
    session.environment["PATH"] = ":".join([str(home / "bin"), *path])
    session.environment["HOME"] = str(home)
    program = "import ansible_test; print(list(ansible_test.__path__)[0])"
    installed = pathlib.Path(session.output_of("python", "-c", program).strip())
    source = (installed / "_internal/python_requirements.py").read_text(encoding="utf-8")
    for version in re.findall(r"\bpip='([0-9.]+)'", source):
        script = home / ".ansible/test/cache" / f"get_pip_{version.replace('.', '_')}.py"
        script.write_text(GET_PIP, encoding="utf-8")


# -- linters


@register(tags=("default", "quick"))
def ruff(session: Session) -> None:
    """Format of the code, unused imports and other slips."""
    use_beside_newest_core(session, "lint")
    session.run("ruff", "format", "--check", "--quiet", ".")
    session.run("ruff", "check", *session.posargs, ".")


@register(tags=("default", "quick"))
def mypy(session: Session) -> None:
    """Types, as mypy.ini says."""
    use_beside_newest_core(session, "lint")
    link_checkout()
    session.run("mypy", *session.posargs)


@register(tags=("default", "quick"))
def yamllint(session: Session) -> None:
    """Form of YAML files."""
    use_beside_newest_core(session, "lint")
    session.run("yamllint", "--strict", ".")
    session.say("no complaints")


@register(tags=("default", "quick"))
def shellcheck(session: Session) -> None:
    """Slips in shell scripts."""
    session.need_packages("shellcheck")
    files = session.output_of(
        *("git", "grep", "-lE", r"^#!.*\b(ba)?sh|^# shellcheck shell", "--", "script", ".ci")
    )
    session.run("shellcheck", "-x", *files.split())
    session.say("no complaints")


@register(tags=("default", "quick"))
def reuse(session: Session) -> None:
    """Every file says what its licence is."""
    use_beside_newest_core(session, "lint")
    session.run("reuse", "lint", "--lines")
    session.say("no complaints")


@register(tags=("default", "quick"))
def changelog(session: Session) -> None:
    """Changelog fragments."""
    use_beside_newest_core(session, "lint")
    session.run("antsibull-changelog", "lint", cwd=session.copy_checkout())
    session.say("no complaints")


@register()
def docs(session: Session) -> None:
    """Documentation of modules, filters and roles."""
    use_beside_newest_core(session, "lint")
    session.run(
        *("antsibull-docs", "lint-collection-docs", "--plugin-docs"),
        *("--validate-collection-refs", "all", "--disallow-unknown-collection-refs", "."),
        cwd=session.copy_checkout(),
    )
    session.say("no complaints")


@register()
def ansible_lint(session: Session) -> None:
    """Playbooks, roles and module examples."""
    use_beside_newest_core(session, "lint")
    copy = session.copy_checkout()
    session.environment["ANSIBLE_COLLECTIONS_PATH"] = str(session.folder)
    session.run("ansible-lint", "--offline", "--strict", "--nocolor", cwd=copy)


# -- the collection as it is published, and shown


@register()
def build(session: Session) -> None:
    """Can it be built and installed, and are its modules found then?"""
    use_core(session, newest_core(session))
    archive = build_archive(session)
    installed = session.folder / "installed"
    session.environment["ANSIBLE_COLLECTIONS_PATH"] = str(installed)
    session.run(
        *("ansible-galaxy", "collection", "install", "--offline", "-p", installed, archive),
        cwd=session.folder,
    )
    modules = [f"mailops.bindings.{path.stem}" for path in (ROOT / "plugins/modules").glob("*.py")]
    shown = session.output_of("ansible-doc", "-t", "module", "--json", *modules, cwd=session.folder)
    missing = set(modules) - set(json.loads(shown or "{}"))
    if missing:
        session.fail(f"no documentation of {', '.join(sorted(missing))}")
    session.say(f"built and installed, with documentation of {len(modules)} modules")


@register()
def galaxy_importer(session: Session) -> None:
    """What Galaxy checks when it takes a collection in."""
    use_beside_newest_core(session, "galaxy-importer")
    archive = build_archive(session)
    # the session ansible-lint does that, and asks for more
    session.environment["GALAXY_IMPORTER_RUN_ANSIBLE_LINT"] = "no"
    session.run("python", "-m", "galaxy_importer.main", archive, cwd=session.folder)
    session.say("no complaints")


def build_archive(session: Session) -> pathlib.Path:
    copy = session.copy_checkout()
    build_command = ("ansible-galaxy", "collection", "build", "--output-path", session.folder)
    session.run(*build_command, cwd=copy)
    return next(session.folder.glob("mailops-bindings-*.tar.gz"))


@register()
def quickstart(session: Session) -> None:
    """script/quickstart in a folder with a blank in its name; the second time it finds the first's."""
    for _attempt in range(2):
        session.run("script/quickstart", session.folder / "quick start")


# -- whole hosts, as root


@register(tags=("full",), beside=False)
def fleet(session: Session) -> None:
    """Mail servers on whole Debian hosts in namespaces of this machine, managed over SSH.

    Real servers meet this machine's varying load. So a file in which something fails is run once
    more, and that is said; what is broken fails twice.
    """
    use_hosts(session)
    cache = session.folder / "cache"
    options = ("-o", f"cache_dir={cache}", "--no-loadscope-reorder")
    try:
        session.pytest(*options, "tests/fleet", parallel=FLEET_WORKERS)
    except CommandFailed:
        failed = cache / "v/cache/lastfailed"
        tests = json.loads(failed.read_text(encoding="utf-8")) if failed.exists() else {}
        files = sorted({test.partition("::")[0] for test in tests})
        if not files:
            raise
        session.say(f"FAILED, AND RUN ONCE MORE: {' '.join(files)}")
        session.pytest(*options, *files, parallel="0")


@register(tags=("full",))
def quickstart_servers(session: Session) -> None:
    """script/quickstart --servers: a whole host with Postfix, Dovecot and OpenLDAP."""
    use_hosts(session)
    session.run("script/quickstart", "--servers", VENVS / "quickstart-servers")


@register(tags=("full",))
def molecule(session: Session) -> None:
    """The role on two hosts: converge, idempotence, check and verify."""
    use_hosts(session)
    use_beside_newest_core(session, "molecule")
    copy = session.copy_checkout()
    session.environment["ANSIBLE_COLLECTIONS_PATH"] = str(session.folder)
    session.environment["FLEET_IMAGES"] = str(VENVS / "hosts")
    session.run("molecule", "test", cwd=copy / "extensions")
    session.say("converged, the same again, foreseen by check mode, and verified")


@register(tags=("full",))
def report(session: Session) -> None:
    """The drift report in a real browser, as its readers have it."""
    if os.geteuid() != 0 and not all(map(shutil.which, ("chromium", "chromedriver"))):
        session.skip("REPORT NOT TESTED: there is no chromium, and installing it takes root")
    found = session.find_python("3.12", "3.13", "3.14")
    if found is None:
        session.skip("REPORT NOT TESTED: no Python 3.12 or later found")
    session.need_packages("chromium", "chromium-driver", "fonts-dejavu-core")
    session.use_venv("report", found, f"core-{newest_core(session)}", "test", "report")
    session.pytest("tests/report", parallel="0")
