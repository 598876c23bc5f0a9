"""How shapes are written for people."""

from __future__ import annotations

import pytest

from shapeguard.values.shapes import Shape, format_range, format_shape, numel


@pytest.mark.parametrize(
    ("shape", "dims", "text"),
    [
        (None, None, "?"),
        ((), None, "()"),
        ((5,), None, "(5,)"),
        ((3, 2, 16, 64), None, "(3, 2, 16, 64)"),
        ((3, 16), ("batch", "seq"), "(batch 3, seq 16)"),
        ((3, 16), ("batch", ""), "(batch 3, 16)"),
        ((3, 16), ("", ""), "(3, 16)"),
        ((3, 16), ("batch",), "(3, 16)"),
    ],
)
def test_format_shape(shape: Shape | None, dims: tuple[str, ...] | None, text: str) -> None:
    assert format_shape(shape, dims) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ((3, 16), (3, 63), "(3, 16→63)"),
        ((3,), (3,), "(3,)"),
        ((1,), (2,), "(1→2,)"),
        ((3,), (3, 4), "(3, 4)"),
        (None, (3, 4), "(3, 4)"),
        ((3, 4), None, "(3, 4)"),
    ],
)
def test_format_range(first: Shape | None, last: Shape | None, text: str) -> None:
    assert format_range(first, last) == text


def test_numel() -> None:
    assert [numel(shape) for shape in ((), (3,), (3, 4), (3, 0, 4))] == [1, 3, 12, 0]
