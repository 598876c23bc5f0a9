"""Level ``all`` records what a library does behind a call; the rules are asked about the program, as at level ``user``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

import shapeguard
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Report

_EVERYDAY = Path(__file__).parents[1] / "everyday"
_PROGRAMS = (
    "average_of_another_width",  # parameters in the user's hands
    "decoder_without_its_mask",  # kernels behind a model's door
    "last_batch_of_one",  # raised behind a detour through the mode
    "labels_not_shifted",
    "projection_of_another_backbone",
)


def _answer(program: Path, level: Literal["user", "all"]) -> Report:
    guard = shapeguard.guard(level=level)
    with suppress(RuntimeError, ValueError), guard:
        exec(compile(program.read_text(), str(program), "exec"), {"__name__": "__main__"})
    return guard.report


@pytest.mark.parametrize("name", _PROGRAMS)
def test_the_answer_is_the_same_at_both_levels(name: str) -> None:
    program = _EVERYDAY / f"{name}.py"
    of_user, of_all = (_answer(program, level).findings[0] for level in ("user", "all"))
    assert (of_all.code, of_all.location) == (of_user.code, of_user.location)


def _watched() -> Run:
    with shapeguard.guard(level="all") as guard:
        layer = nn.Linear(8, 2)
        layer(torch.randn(3, 8)).sum()
    return Run(guard.recording)


def test_the_rows_of_the_program_alone_are_asked() -> None:
    run = _watched()
    assert [row.op for row in run.rows] == ["Linear", "randn", "Linear", "sum"]
    assert {"linear", "kaiming_uniform_"} <= {row.op for row in run.recorded}


def test_what_is_left_leads_where_it_did() -> None:
    run = _watched()
    made = run.row(run.rows[-1].inputs[0].origin)
    assert made is not None
    assert made.kind == "module"
    assert run.row(made.owner) is run.rows[0]


def test_the_calls_of_a_report_are_all_that_was_recorded() -> None:
    with shapeguard.guard(level="all") as guard:
        nn.Linear(8, 2)(torch.randn(3, 8))
    assert any(call.op == "linear" for call in guard.report.calls)
    assert guard.report.run.rows == len(guard.report.calls)
