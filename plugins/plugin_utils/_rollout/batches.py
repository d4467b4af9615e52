# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts → batches of a rollout. Pure."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

_SIZES = "sizes of rollout_batches, which in the playbook rollout are mail_bindings_batches"


def rollout_batches(
    hosts: t.Iterable[str], sizes: t.Any, apart: t.Optional[t.Mapping[str, str]] = None
) -> t.List[t.List[str]]:
    """The batches, each a list of hosts in their order.

    C(sizes): numbers of hosts, or parts of all as '10%'; the last size is repeated until all hosts
    are covered. C(apart): anti-affinity group of a host; hosts of one group never share a batch.
    Raises AnsibleFilterError for sizes that can't be understood.
    """
    waiting = list(hosts)
    numbers = _numbers(sizes, len(waiting))
    batches: t.List[t.List[str]] = []
    while waiting:
        size = numbers[min(len(batches), len(numbers) - 1)]
        batch = _next_batch(waiting, size, apart or {})
        waiting = [host for host in waiting if host not in batch]
        batches.append(batch)
    return batches


def _next_batch(waiting: t.Iterable[str], size: int, apart: t.Mapping[str, str]) -> t.List[str]:
    batch: t.List[str] = []
    groups: t.Set[str] = set()
    for host in waiting:
        group = apart.get(host)
        if len(batch) < size and (not group or group not in groups):
            batch.append(host)
            groups.add(group or "")
    return batch


def _numbers(sizes: t.Any, total: int) -> t.List[int]:
    if isinstance(sizes, str):
        sizes = sizes.split(",")
    elif not isinstance(sizes, (list, tuple)):
        sizes = [sizes]
    if not sizes:
        raise AnsibleFilterError(
            "%s: there are no sizes: give at least one, as [1, '10%%', '100%%']" % _SIZES
        )
    return [_number(size, total) for size in sizes]


def _number(size: t.Any, total: int) -> int:
    text = str(size).strip()
    try:
        number = int(total * float(text[:-1]) / 100) if text.endswith("%") else int(text)
    except (ValueError, OverflowError):
        number = -1
    if number < 0 or text in ("0", "0%"):
        raise AnsibleFilterError(
            "%s: %r is not a size of a batch: give a number of hosts, or a part as '10%%'"
            % (_SIZES, size)
        )
    return max(number, 1)
