"""Which dimensions are marked."""

from __future__ import annotations

import pytest

from shapeguard.render.clash import clashing_dims
from shapeguard.values.findings import Mismatch, OperandView

Shapes = list[tuple[int, ...] | None]


@pytest.mark.parametrize(
    ("shapes", "mismatch", "expected"),
    [
        ([(4, 2, 9), (3, 2, 1)], Mismatch("dim", (4, 3), 0), [{0}, {0}]),
        ([(32, 784), (512, 10)], Mismatch("dim", (784, 512), 1), [{1}, {0}]),
        ([(8, 5, 7), (4,)], Mismatch("dim", (7, 4), 2), [{2}, {0}]),
        ([(4, 2), (4, 2), (3, 2)], Mismatch("dim", (4, 3), 0), [{0}, {0}, {0}]),
        ([(2, 3), (3, 3)], Mismatch("dim", (5, 3), None), [{1}, set()]),
        ([(2, 12)], Mismatch("numel", (24, 25)), [{0, 1}]),
        ([(2, 3), (2, 3, 1)], Mismatch("rank", (2, 3)), [set(), set()]),
        ([(100, 16), None], Mismatch("index", (101, 100), 0), [{0}, set()]),
        ([(4,)], None, [set()]),
    ],
)
def test_the_sizes_that_clash_are_found(shapes: Shapes, mismatch: Mismatch | None, expected: list[set[int]]) -> None:
    operands = [OperandView("x", shape=shape) for shape in shapes]
    assert clashing_dims(operands, mismatch) == expected


def test_known_dimensions_are_marked_and_nothing_else_is() -> None:
    operands = [
        OperandView("weight", shape=(8, 3, 3, 3), clashing=1),
        OperandView("input", shape=(8, 48, 48), clashing=0),
        OperandView("bias", shape=(8,)),
    ]
    assert clashing_dims(operands, Mismatch("dim", (3, 8), 0)) == [{1}, {0}, set()]
