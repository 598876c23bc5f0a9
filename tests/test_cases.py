"""Real failures: each case of ``tests/cases`` is run as a user runs it, and its first finding held against the truth."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarded_cases import FOLDERS, guarded
from tests.warm import Warm, warm

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warm]:
    with warm() as process:
        yield process


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
    assert len(FOLDERS) >= 40


def test_every_code_has_a_case() -> None:
    from shapeguard.rules import RULES

    told = {code for case in FOLDERS for code in tomllib.loads((case / "case.toml").read_text())["codes"]}
    assert {rule.code for rule in RULES} <= told


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_the_first_finding_is_the_cause(warmed: Warm, case: Path, tmp_path: Path) -> None:
    truth = tomllib.loads((case / "case.toml").read_text())
    failed = guarded(warmed, case, "script.py", tmp_path / "failed")
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
