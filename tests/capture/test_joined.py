"""``safe_cat`` and ``safe_stack`` under a guard: one row a call, SG205 where they cut, the cause where they refuse."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import shapeguard
from shapeguard import LossyConcatWarning, Report, ShapeMismatchError
from shapeguard.capture.capture import Level
from shapeguard.reference import concat, joining
from shapeguard.values.findings import Severity

_SCRIPT = """\
import torch
from shapeguard import safe_cat, safe_stack
past = torch.ones(4, 16, dtype=torch.long)
kept = past[:3]
new = kept[:, -1:]
out = {call}
"""
_LEVELS: list[Level] = ["boundary", "user", "all"]


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """The guard puts the two patched functions back."""
    before = concat.joined, joining.born
    yield
    assert (concat.joined, joining.born) == before


def _run(call: str, folder: Path, level: Level = "user") -> tuple[Report, shapeguard.Recording, Exception | None]:
    script = folder / "script.py"
    script.write_text(_SCRIPT.format(call=call))
    guard, caught = shapeguard.guard(level=level), None
    try:
        with guard:
            exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
    except Exception as error:
        caught = error
    assert guard.report.run.notes == ()
    return guard.report, guard.recording, caught


@pytest.mark.parametrize("level", _LEVELS)
def test_what_clamp_cut_is_in_the_recording(level: Level, tmp_path: Path) -> None:
    with pytest.warns(LossyConcatWarning, match="tensors.0. keeps 3 of 4") as caught:
        report, recording, _ = _run("safe_cat([past, new], 1, on_mismatch='clamp')", tmp_path, level)
    assert Path(caught[0].filename).name == "script.py"
    (row,) = [row for row in recording.rows if row.args.get("on_mismatch")]
    assert (row.kind, row.op, row.outputs[0].last) == ("concat", "cat", (3, 17))
    (finding,) = report.findings
    assert (finding.code, finding.severity, finding.location and finding.location.line) == (
        "SG205",
        Severity.WARNING,
        6,
    )
    assert "kept the first 3 of 4 of tensors[0] in dim 0" in finding.message
    assert finding.mismatch is not None
    assert (finding.mismatch.dim, finding.mismatch.sizes) == (0, (4, 3))


def test_every_cut_of_a_stack_is_told(tmp_path: Path) -> None:
    with pytest.warns(LossyConcatWarning):
        report, _, _ = _run("safe_stack([past, kept[:, :9]], -1, on_mismatch='clamp')", tmp_path)
    assert [finding.code for finding in report.findings] == ["SG205"]
    assert "3 of 4 of tensors[0] in dim 0, 9 of 16 of tensors[0] in dim 1" in report.findings[0].message


@pytest.mark.parametrize(
    "call",
    [
        "safe_cat([kept, new], 1)",
        "safe_cat([past, new], 1, on_mismatch='pad')",
        "safe_cat([kept, new], 1, on_mismatch='clamp')",
    ],
)
def test_nothing_lost_is_nothing_told(call: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LossyConcatWarning)
        report, _, caught = _run(call, tmp_path)
    assert (report.findings, caught) == ((), None)


def test_a_refusal_has_the_cause_of_a_failed_concatenation(tmp_path: Path) -> None:
    report, _, caught = _run("safe_cat([past, new], 1)", tmp_path)
    assert isinstance(caught, ShapeMismatchError)
    script = tmp_path / "script.py"
    assert f"as in tensors[0] (4, 16), made at {script}:3, got 3 in tensors[1] (3, 1), made at {script}:5; " in str(
        caught
    )
    finding = report.findings[0]
    assert (finding.code, finding.location and finding.location.line) == ("SG201", 4)
    assert [operand.expression for operand in finding.operands] == ["past", "new"]


@pytest.mark.parametrize("level", _LEVELS)
def test_the_numbers_are_the_same(level: Level) -> None:
    tensors = [torch.randn(4, 2, 8), torch.randn(3, 2, 8)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossyConcatWarning)
        without = shapeguard.safe_cat(tensors, 1, on_mismatch="clamp")
        with shapeguard.guard(level=level):
            under = shapeguard.safe_cat(tensors, 1, on_mismatch="clamp")
    assert torch.equal(without, under)


def test_it_compiles_under_a_guard() -> None:
    def join(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return shapeguard.safe_cat([left, right], 1, on_mismatch="pad")

    torch._dynamo.reset()
    with shapeguard.guard() as guard:
        out = torch.compile(join, fullgraph=True, backend="eager")(torch.ones(4, 2), torch.ones(3, 2))
    assert out.shape == (4, 4)
    assert guard.report.run.notes == ()
