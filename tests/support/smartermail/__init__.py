# Copyright (c) 2026, mailops.bindings contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for SmarterMail's administration API: both doors, over real HTTPS, on loopback.

SmarterMail is closed, and can't be run in tests. This is made from what public code and
SmarterTools' help pages say of it, and from nothing else: what they leave open is a switch
(C(Unknowns)), what they have not is refused and noted in C(StandIn.violations). It proves that our
side keeps to what is known. It proves nothing of SmarterMail itself.

    state.py   what the server holds, and which address answered on which number at every moment
    rest.py    /api/v1, of SmarterMail 17 and later
    soap.py    /Services/svcServerAdmin.asmx, of 10 to 16 and kept later
    server.py  HTTPS around them, a record of every call, and faults on demand

In Python, C(with StandIn(...) as server); in a shell, C(PYTHONPATH=tests python -m smartermail
FOLDER).
"""

from __future__ import annotations

from .server import Answer, Call, StandIn
from .state import Port, State, Unknowns

__all__ = ["Answer", "Call", "Port", "StandIn", "State", "Unknowns"]
