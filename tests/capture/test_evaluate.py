"""Shapes of expressions in a frame that failed: what follows from known tensors and numbers is worked out, and nothing is run."""

from __future__ import annotations

import ast
import sys
from types import FrameType
from typing import Any

import pytest
import torch
from pure_eval import CannotEval

from shapeguard.capture.evaluate import FrameValues


def _frame() -> FrameType:
    x, y, half, numbers = torch.zeros(3, 4, 6), torch.zeros(6, 5), 3, {"n": 2}  # noqa: F841 (read through the frame)
    return sys._getframe()


def _shape(text: str) -> tuple[int, ...]:
    made: Any = FrameValues(_frame(), torch).arranged(ast.parse(text, mode="eval").body)
    assert made.device.type == "meta"
    return tuple(made.shape)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("x.view(3, -1)", (3, 24)),
        ("x.transpose(1, 2) / 2.5", (3, 6, 4)),
        ("-x[:, -1]", (3, 6)),
        ("x[..., :half]", (3, 4, 3)),
        ("x[:, None].softmax(dim=-1)", (3, 1, 4, 6)),
        ("x @ y", (3, 4, 5)),
        ("x.mul_(0.9)", (3, 4, 6)),
        ("x.mul_(0.9).add_(y, alpha=2).mean(1)", (3, 6)),
    ],
)
def test_a_shape_follows_from_known_tensors(text: str, shape: tuple[int, ...]) -> None:
    assert _shape(text) == shape


@pytest.mark.parametrize(
    "text", ["torch.zeros(3)", "x.apply_(print)[print()]", "x.tolist()", "half ** half", "missing + x"]
)
def test_another_call_is_not_made(text: str) -> None:
    with pytest.raises(CannotEval):
        _shape(text)


def test_a_part_of_a_known_tensor_is_seen_and_not_copied() -> None:
    values = FrameValues(_frame(), torch)
    part: Any = values.part(ast.parse("x[half - 1, 1:]", mode="eval").body)
    assert part.shape == (3, 6)
    assert part._base is not None
    with pytest.raises(CannotEval):
        values.part(ast.parse("x[missing]", mode="eval").body)
