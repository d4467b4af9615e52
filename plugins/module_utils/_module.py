# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows AnsibleModule: options in; result, diff and failure out.

Every task takes the same way: load, plan, check what the plan needs of the host, and, unless in check mode, save.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.mailops.bindings.plugins.module_utils import _model, _plan
from ansible_collections.mailops.bindings.plugins.module_utils._model import Bindings, MissingLibrary, Refused
from ansible_collections.mailops.bindings.plugins.module_utils._stores import InvalidConfig, Stored
from ansible_collections.mailops.bindings.plugins.module_utils._stores.file import FileStore

#: Options of all modules; plugins/doc_fragments/config.py documents them.
CONFIG_OPTIONS = {
    "config_path": {"type": "path", "default": "/etc/mail-bindings/bindings.json"},
    "store": {"type": "str", "choices": ["file"], "default": "file"},
}
#: Options of those that write; plugins/doc_fragments/write.py.
WRITE_OPTIONS = {
    "backup": {"type": "bool", "default": False},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw"},
}
#: Options of those that declare ports; plugins/doc_fragments/certificate.py.
CERTIFICATE_OPTIONS = {
    "check_certificate": {"type": "bool", "default": True},
    "certificate_min_days": {"type": "int", "default": 0},
}
LOCAL_ADDRESS_OPTIONS = {"require_local_address": {"type": "bool", "default": True}}

#: What a task says of a certificate beside the document's own keys: never stored.
BESIDE_DOCUMENT = ("certificate_password", "certificate_hostnames")


class Task(t.NamedTuple):
    """One task of a module that writes."""

    declaration: _plan.Declaration  # what is declared, empty where something is to go
    desired: t.Callable[[Bindings], Bindings]  # current -> desired; raises Refused
    names: t.Callable[[Bindings], set]  # desired -> the ports that the task names or assigns
    beside: dict = {}  # port name -> its C(BESIDE_DOCUMENT) options
    single: tuple = ()  # ("port", kind of list, identity): the result that a single module has beside the lists
    replace_invalid: bool = False


class _Module(AnsibleModule):
    """AnsibleModule, but a bad value inside a list is reported with its path, and all such at once."""

    def __init__(self, task: t.Callable, argument_spec: dict):
        self._faults = lambda: _plan.faults(task(self.params).declaration)
        super().__init__(argument_spec=argument_spec, supports_check_mode=True)
        self._faults = list

    def fail_json(self, msg, **kwargs):
        # ansible-core's own validation stops at the first error and says 'found in ports', not in which of forty
        try:
            msg = _failure(self._faults()) or msg
        except Exception:  # pylint: disable=broad-except  # options too broken for us: ansible-core's message stands
            pass
        super().fail_json(msg=msg, **kwargs)


def declare_port(options: dict) -> None:
    """Run mail_port, which has these options beside the common ones."""
    _declare(_port_task, options)


def declare_ip_binding(options: dict) -> None:
    """Run mail_ip_binding."""
    _declare(_ip_binding_task, options)


def declare_bindings(options: dict) -> None:
    """Run mail_bindings."""
    _declare(_bindings_task, options)


def _declare(task: t.Callable[[dict], Task], options: dict) -> None:
    module = _Module(task, {**options, **CONFIG_OPTIONS, **WRITE_OPTIONS})
    _finish(module, lambda: _apply(module, task(module.params)))


def inform(options: dict) -> None:
    """Run the module that reads."""
    module = AnsibleModule(argument_spec={**options, **CONFIG_OPTIONS}, supports_check_mode=True)
    _finish(module, lambda: _result(module, _store(module).load().bindings, []))


def _finish(module: AnsibleModule, work: t.Callable[[], dict]) -> None:
    try:
        result, failure = work(), None
    except MissingLibrary as missing:
        failure = missing_required_lib("%s (%s)" % (missing.library, missing.package), reason="since " + missing.reason)
    except Refused as refused:
        failure = str(refused)
    except Exception as error:  # pylint: disable=broad-except  # no traceback reaches a user
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        failure = "a fault of mailops.bindings, please report it: %s in %s, line %d. Nothing was changed" % (
            type(error).__name__, os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
    # outside the handlers, where ansible-core would add a traceback of its own
    if failure is not None:
        module.fail_json(msg=failure, changed=False)
    module.exit_json(**result)


def _failure(problems: t.Iterable[str]) -> str:
    """One message for all that is wrong."""
    problems = [line for problem in problems for line in problem.splitlines()]
    if len(problems) < 2:
        return "".join(problems)
    return "%d things are wrong, and nothing was changed:\n%s" % (len(problems), "\n".join("  " + line for line in problems))


# -- the way of a task that writes

def _store(module: AnsibleModule) -> FileStore:
    return STORES[module.params["store"]](module)


def _file_store(module: AnsibleModule) -> FileStore:
    params = module.params
    return FileStore(
        params["config_path"],
        attributes=lambda mode: (_uid(params.get("owner")), _gid(params.get("group")), _mode(params.get("mode"), mode)),
        backup=params.get("backup", False),
    )


STORES = {"file": _file_store}


class _Prepared(t.NamedTuple):
    stored: Stored
    desired: Bindings
    changes: list
    certificates: list
    warnings: list


def _apply(module: AnsibleModule, task: Task) -> dict:
    store = _store(module)
    prepared = _prepare(module, store, task)
    backup = ""
    if prepared.changes:
        store.check_writable(prepared.stored)
        if not module.check_mode:
            with store.lock():
                # others may have written since; a task that changes nothing never waits for them
                if _load(store, task).revision != prepared.stored.revision:
                    prepared = _prepare(module, store, task)
                if prepared.changes:
                    backup = store.save(prepared.stored, prepared.desired, prepared.changes)
    for warning in prepared.warnings:
        module.warn(warning)
    result = _result(module, prepared.desired, prepared.changes)
    result["certificates"] = prepared.certificates
    if backup:
        result["backup_file"] = backup
    if task.single:
        key, kind, identity = task.single
        result[key] = next((entry for entry in result[kind] if entry[_model.KINDS[kind].identity] == identity), {})
    return result


def _load(store: FileStore, task: Task) -> Stored:
    try:
        return store.load()
    except InvalidConfig as invalid:
        if not task.replace_invalid:
            raise
        return invalid.stored


def _prepare(module: AnsibleModule, store: FileStore, task: Task) -> _Prepared:
    """All that a task would do, checked: the same in check mode and in a real run."""
    stored = _load(store, task)
    problems = _unreachable(module, task, stored.bindings)
    judged = {"certificates": [], "problems": [], "warnings": []}
    try:
        desired = task.desired(stored.bindings)
        if module.params.get("check_certificate", True):
            judged = _certificates(module, task, stored.bindings, desired)
    except MissingLibrary:
        raise
    except Refused as refused:
        raise Refused(_failure([str(refused), *problems])) from None
    problems += judged["problems"]
    if problems:
        raise Refused(_failure(problems))
    changes = _plan.changes(stored.bindings, desired) + store.extra_changes(stored)
    return _Prepared(stored, desired, changes, judged["certificates"], judged["warnings"])


def _unreachable(module: AnsibleModule, task: Task, current: Bindings) -> list:
    """Declared addresses that this host can't listen on. What is no address at all, the rules report."""
    if not module.params.get("require_local_address") or not task.declaration.ip_addresses:
        return []
    from ansible_collections.mailops.bindings.plugins.module_utils._host import cannot_listen

    problems = []
    for index, entry in enumerate(task.declaration.ip_addresses):
        try:
            address = _model.canonical_address(entry["address"])
        except ValueError:
            continue
        stored = current.ip_addresses.get(address)
        reason = cannot_listen(address, entry.get("floating", bool(stored and stored.floating)))
        if reason:
            problems.append("%saddress: %s" % (task.declaration.label("ip_addresses", index), reason))
    return problems


def _certificates(module: AnsibleModule, task: Task, current: Bindings, desired: Bindings) -> dict:
    """The certificates of the ports that the task names or assigns: as results, what stops the task, and what it warns of."""
    judged = {"certificates": [], "problems": [], "warnings": []}
    names = [name for name in sorted(task.names(desired)) if name in desired.ports and desired.ports[name].certificate_path]
    if not names:
        return judged
    from ansible_collections.mailops.bindings.plugins.module_utils import _certificate

    changed = {name for name in names if current.ports.get(name) != desired.ports[name]}
    try:
        _certificate.require_library()
    except MissingLibrary as missing:
        if changed:
            raise
        judged["warnings"].append(str(missing))
        return judged

    import datetime

    now = datetime.datetime.now(datetime.timezone.utc)
    labels = {entry["name"]: task.declaration.label("ports", index) for index, entry in enumerate(task.declaration.ports or ())}
    reached_by: dict = {}
    for binding in desired.ip_addresses.values():
        for name in binding.ports if binding.hostname else ():
            reached_by.setdefault(name, set()).add(binding.hostname)
    read: dict = {}  # each certificate once, however many ports serve it
    for name in names:
        port, beside = desired.ports[name], task.beside.get(name, {})
        source = _certificate.Source(port.certificate_path, port.private_key_path, beside.get("certificate_password"))
        if source not in read:
            certificate = _certificate.Certificate(source, now)
            read[source] = certificate, dict(certificate.facts(), problems=[])
            judged["certificates"].append(read[source][1])
        certificate, facts = read[source]
        hostnames = sorted(reached_by.get(name, set()).union(beside.get("certificate_hostnames") or ()))
        for finding in certificate.findings(module.params.get("certificate_min_days", 0), hostnames):
            if finding.message not in facts["problems"]:
                facts["problems"].append(finding.message)
                if name not in changed:
                    judged["warnings"].append("port %s: %s" % (name, finding.message))
            if name in changed:
                judged["problems"].append("%s%s: %s" % (labels.get(name, ""), finding.option, finding.message))
    return judged


def _result(module: AnsibleModule, bindings: Bindings, changes: list) -> dict:
    unassigned = _model.unassigned_ports(bindings)
    if unassigned:
        module.warn("no IP address listens on %s: assign with mail_ip_binding or mail_bindings" % ", ".join(unassigned))
    return {
        "changed": bool(changes),
        "changes": changes,
        "diff": _plan.diff(changes),
        "ports": _model.port_entries(bindings),
        "ip_addresses": _model.ip_entries(bindings),
        "unassigned_ports": unassigned,
    }


# -- options: what each module makes of them

def _port_task(params: dict) -> Task:
    name = params["name"]
    single = ("port", "ports", name)
    if params.get("state") == "absent":
        return Task(_plan.Declaration(), lambda current: _plan.without_port(current, name, params["unassign"]), lambda desired: set(), single=single)
    declaration = _plan.Declaration(ports=[_given(params, _model.KINDS["ports"].shape)], single=True)
    return Task(
        declaration,
        lambda current: _plan.declared(current, declaration, params["config_path"]),
        lambda desired: {name},
        beside={name: _given(params, BESIDE_DOCUMENT)},
        single=single,
    )


def _ip_binding_task(params: dict) -> Task:
    address = params["address"]
    try:
        single = ("ip_address", "ip_addresses", _model.canonical_address(address))
    except ValueError:
        single = ()  # the rules will say so
    if params.get("state") == "absent":
        return Task(_plan.Declaration(), lambda current: _plan.without_ip(current, address, params["ports"]), lambda desired: set(), single=single)
    declaration = _plan.Declaration(
        ip_addresses=[_given(params, _model.KINDS["ip_addresses"].shape)], exact_assignments=params["exclusive"], single=True)
    return Task(
        declaration,
        lambda current: _plan.declared(current, declaration, params["config_path"]),
        lambda desired: set(desired.ip_addresses[single[2]].ports),
        single=single,
    )


def _bindings_task(params: dict) -> Task:
    exclusive = params.get("exclusive", False)
    ports, ip_addresses = _entries(params.get("ports")), _entries(params.get("ip_addresses"))
    declaration = _plan.Declaration(ports, ip_addresses, exclusive, exclusive, params.get("require_assigned", False))
    if params.get("replace_invalid") and not (exclusive and ports is not None and ip_addresses is not None):
        raise Refused("replace_invalid: needs exclusive: true, ports and ip_addresses, since nothing of a config that is not valid can be kept")
    return Task(
        declaration,
        lambda current: _plan.declared(current, declaration, params["config_path"]),
        lambda desired: {entry["name"] for entry in ports or ()}.union(*(entry.get("ports", ()) for entry in ip_addresses or ())),
        beside={option["name"]: _given(option, BESIDE_DOCUMENT) for option in params.get("ports") or () if isinstance(option, dict) and "name" in option},
        replace_invalid=params.get("replace_invalid", False),
    )


def _given(options: t.Mapping, keys: t.Iterable[str]) -> dict:
    """Those of the options that the task gives: C(None) is left out, an empty string is a value."""
    return {key: options[key] for key in keys if options.get(key) is not None}


def _entries(options: t.Optional[list]) -> t.Optional[list]:
    """The entries of a list option as the document would have them: what was given, without what is never stored.

    Before ansible-core has validated them they may be anything: what is no entry is passed on, to be reported with its place.
    """
    if options is None:
        return None
    return [
        _given(option, [key for key in option if key not in BESIDE_DOCUMENT]) if isinstance(option, dict) else option
        for option in (options if isinstance(options, list) else [options])
    ]


def _uid(owner: t.Optional[str]) -> t.Optional[int]:
    import pwd
    return _number_of(owner, "owner", "user", lambda name: pwd.getpwnam(name).pw_uid)


def _gid(group: t.Optional[str]) -> t.Optional[int]:
    import grp
    return _number_of(group, "group", "group", lambda name: grp.getgrnam(name).gr_gid)


def _number_of(value, option, what, look_up) -> t.Optional[int]:
    if value is None:
        return None
    try:
        return look_up(value)
    except KeyError:
        if value.isdecimal():
            return int(value)
        raise Refused("%s: there is no %s %s on this host" % (option, what, value)) from None


def _mode(mode, current: int) -> t.Optional[int]:
    """The mode that the option asks for. Octal as number or text, or symbolic (u=rw,g=r), as in ansible.builtin.file."""
    if mode is None:
        return None
    if isinstance(mode, str):
        try:
            mode = int(mode, 8)
        except ValueError:
            import types
            try:
                # ansible-core's own reading of symbolic modes; st_mode is all that it looks at
                return AnsibleModule._symbolic_mode_to_octal(types.SimpleNamespace(st_mode=0o100000 | current), mode)
            except Exception:  # pylint: disable=broad-except
                mode = -1
    if not isinstance(mode, int) or isinstance(mode, bool) or not 0 < mode <= 0o7777:
        raise Refused("mode: give it in quotes as octal, '0640', or symbolic, u=rw,g=r")
    return mode
