"""Healthy programs stay unaccused: none of ``tests/healthy`` gets a finding of severity error."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapeguard
from shapeguard.values.findings import Severity

_FOLDER = Path(__file__).parent.parent / "healthy"
_PROGRAMS = sorted(_FOLDER.glob("*.py"))


def _name(program: Path) -> str:
    return program.stem


def test_there_are_programs() -> None:
    assert len(_PROGRAMS) > 10


@pytest.mark.parametrize("program", _PROGRAMS, ids=_name)
def test_a_healthy_program_is_not_accused(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_FOLDER))
    with shapeguard.guard() as guard:
        exec(compile(program.read_text(), str(program), "exec"), {"__name__": "__main__"})
    report = guard.report
    assert report.outcome == "completed"
    assert report.run.notes == ()
    assert report.calls
    errors = [
        (finding.code, finding.location, finding.message)
        for finding in report.findings
        if finding.severity is Severity.ERROR
    ]
    assert errors == []
