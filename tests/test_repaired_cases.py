"""Repaired programs: no case of ``tests/cases`` is accused once it is mended. A file of its own, so that both run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarded_cases import FOLDERS, guarded
from tests.warm import Warm, warm


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warm]:
    with warm() as process:
        yield process


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_the_repaired_program_is_not_accused(warmed: Warm, case: Path, tmp_path: Path) -> None:
    repaired = guarded(warmed, case, "fixed.py", tmp_path / "repaired")
    assert repaired.ran.status == 0, repaired.ran.err
    assert [finding["code"] for finding in repaired.report["findings"] if finding["severity"] == "error"] == []
