"""The cases of ``tests/cases``, run as a user runs them.

``script.py`` fails as the public report did, ``fixed.py`` is the smallest right repair, ``case.toml`` holds the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.command import Ran, shapeguard
from tests.warm import Warm

FOLDERS = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/case.toml"))


@dataclass(frozen=True)
class Guarded:
    """A guarded run and its report."""

    ran: Ran
    report: dict[str, Any]


# What the C++ runtime says when gloo's thread lets go of the last piece of work (and of a Python object in it) while the
# interpreter of a rank that is done comes to its end: a race of torch's own, which bare runs of a replicated model lose as
# often on a busy machine (about 1 in 12).
_RACE_AT_EXIT = "terminate called without an active exception"


def guarded(warmed: Warm, case: Path, script: str, out: Path) -> Guarded:
    # Ranks are started by multiprocessing from the program that was typed: those runs are typed.
    run = shapeguard if "spawn" in (case / script).read_text() else warmed.shapeguard
    for _ in range(4):
        ran = run(case, "run", "--out", str(out), script)
        if _RACE_AT_EXIT not in ran.err:
            break
    return Guarded(ran, json.loads((out / "report.json").read_text()))
