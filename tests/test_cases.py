"""Real failures: each case of ``tests/cases`` is run as a user runs it, and its first finding held against the truth.

``script.py`` fails as the public report did, ``fixed.py`` is the smallest right repair, ``case.toml`` holds the truth.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ran, shapeguard
from tests.warm import Warm, warm

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDERS = sorted(path.parent for path in (Path(__file__).parent / "cases").glob("*/case.toml"))


@dataclass(frozen=True)
class Guarded:
    """A guarded run and its report."""

    ran: Ran
    report: dict[str, Any]


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warm]:
    with warm() as process:
        yield process


# What the C++ runtime says when gloo's thread lets go of the last piece of work (and of a Python object in it) while the
# interpreter of a rank that is done comes to its end: a race of torch's own, which bare runs of a replicated model lose as
# often on a busy machine (about 1 in 12).
_RACE_AT_EXIT = "terminate called without an active exception"


def _guarded(warmed: Warm, case: Path, script: str, out: Path) -> Guarded:
    # Ranks are started by multiprocessing from the program that was typed: those runs are typed.
    run = shapeguard if "spawn" in (case / script).read_text() else warmed.shapeguard
    for _ in range(4):
        ran = run(case, "run", "--out", str(out), script)
        if _RACE_AT_EXIT not in ran.err:
            break
    return Guarded(ran, json.loads((out / "report.json").read_text()))


def _statements(script: Path, lines: list[int]) -> set[int]:
    """All lines of the simple statements, and of the heads of compound ones, that hold one of these lines."""
    found = set(lines)
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            span = set(range(node.lineno, max(end, node.lineno) + 1))
            if span & set(lines):
                found |= span
    return found


def test_there_are_cases() -> None:
    assert len(_FOLDERS) >= 40


def test_every_code_has_a_case() -> None:
    from shapeguard.rules import RULES

    told = {code for case in _FOLDERS for code in tomllib.loads((case / "case.toml").read_text())["codes"]}
    assert {rule.code for rule in RULES} <= told


@pytest.mark.parametrize("case", _FOLDERS, ids=lambda case: case.name)
def test_the_first_finding_is_the_cause(warmed: Warm, case: Path, tmp_path: Path) -> None:
    truth = tomllib.loads((case / "case.toml").read_text())
    failed = _guarded(warmed, case, "script.py", tmp_path / "failed")
    first = failed.report["findings"][0]
    assert first["code"] in truth["codes"]
    assert Path(first["location"]["file"]).name == "script.py"
    assert first["location"]["line"] in _statements(case / "script.py", truth["cause_lines"])
    if truth["sizes"]:
        assert set(truth["sizes"]) <= set(first["mismatch"]["sizes"])
    crashed = truth["outcome"] == "crash"
    assert failed.ran.status == (1 if crashed else 0)
    assert failed.report["outcome"] == ("crashed" if crashed else "completed")
    if crashed:
        assert truth["error"] in failed.ran.err
        assert any((f["failed_at"] or {}).get("line") in truth["crash_lines"] for f in failed.report["findings"])


@pytest.mark.parametrize("case", _FOLDERS, ids=lambda case: case.name)
def test_the_repaired_program_is_not_accused(warmed: Warm, case: Path, tmp_path: Path) -> None:
    repaired = _guarded(warmed, case, "fixed.py", tmp_path / "repaired")
    assert repaired.ran.status == 0, repaired.ran.err
    assert [finding["code"] for finding in repaired.report["findings"] if finding["severity"] == "error"] == []
