"""Any batched function against its rows: what it takes, what it gives, and why it differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shapeguard import verify
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report
from shapeguard.values.verification import Verification

ROWS = torch.arange(12.0).reshape(3, 4)
WEIGHT = torch.linspace(-1, 1, 20).reshape(4, 5)


def found(report: Report) -> Verification:
    assert report.verification is not None
    return report.verification


def pad(rows: list[list[float]], left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, longest) of values, and of ones where they are real."""
    longest = max(map(len, rows))
    fill = [[0.0] * (longest - len(row)) for row in rows]
    ones = [[1.0] * len(row) for row in rows]
    sides = zip(rows, fill, ones, strict=True)
    both = [(f + r, f + o) if left else (r + f, o + f) for r, f, o in sides]
    return torch.tensor([a for a, _ in both]), torch.tensor([b for _, b in both])


def masked_mean(rows: list[list[float]]) -> torch.Tensor:
    values, mask = pad(rows)
    return values.sum(-1) / mask.sum(-1)


def plain_mean(rows: list[list[float]]) -> torch.Tensor:
    return pad(rows)[0].mean(-1)


RAGGED = [[1.0, 2.0, 4.0], [3.0], [5.0, 6.0]]
SOUND: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "tensor": (lambda x: x @ WEIGHT, ROWS),
    "tuple of outputs": (lambda x: (x @ WEIGHT, x.sum(-1)), ROWS),
    "as many outputs as rows": (lambda x: (x @ WEIGHT, x.sum(-1), x), ROWS),
    "mapping": (lambda x: {"a": x.mean(-1), "cache": object()}, ROWS),
    "mapping in": (lambda b: b["x"] * b["y"][:, None], {"x": ROWS, "y": torch.ones(3)}),
    "array": (lambda x: x * 2, ROWS.numpy()),
    "list of rows": (lambda rows: [row[::-1] for row in rows], ["ab", "c", "def"]),
    "numbers": (lambda rows: [len(row) for row in rows], ["ab", "c", "def"]),
    "ragged with a mask": (masked_mean, RAGGED),
    "padded on the right": (lambda rows: pad(rows)[0], RAGGED),
    "padded on the left": (lambda rows: pad(rows, left=True)[0], RAGGED),
    "in place": (lambda x: x.mul_(2), ROWS),
    "module": (nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.BatchNorm1d(3)).train(), ROWS),
    "integers": (lambda x: x.argmax(-1), ROWS),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_equals_its_rows_passes(name: str) -> None:
    function, rows = SOUND[name]
    before = rows.clone() if isinstance(rows, torch.Tensor) else rows
    report = verify(function, rows)
    assert found(report).passed, found(report)
    assert report.findings == ()
    assert torch.equal(before, rows) if isinstance(rows, torch.Tensor) else before is rows


BROKEN: dict[str, tuple[Callable[[Any], Any], Any, list[int], str, list[str]]] = {
    "softmax over the batch": (lambda x: x.softmax(0), ROWS, [0, 1, 2], "number of rows", ["SG509"]),
    "centred over the batch": (lambda x: x - x.mean(0), torch.eye(3), [0, 1, 2], "what the other rows are", ["SG509"]),
    "padding in the mean": (plain_mean, RAGGED, [1, 2], "padding reaches the answer", ["SG103"]),
    "another order": (
        lambda rows: sorted(rows, key=len), ["ccc", "a", "bb"], [0, 1, 2], "in another order: 1, 2, 0", [],
    ),
    "drawn anew": (lambda x: x + torch.rand_like(x), ROWS, [0, 1, 2], "each time it is called", []),
    "rows lost": (lambda x: x[:2], ROWS, [0, 1, 2], "(2, 4) for 3 rows", []),
    "squeezed": (lambda x: x.unsqueeze(-1).squeeze(), ROWS, [0, 1, 2], "(4,) for one row: expected (1, 4)", []),
    "one of a row's parts": (
        lambda rows: [{"a": [torch.tensor(row), row], "n": len(rows) * (row > 2)} for row in rows],
        [1.0, 2.0, 3.0], [2], "number of rows", ["SG509"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_is_told(name: str) -> None:
    function, rows, failed, why, codes = BROKEN[name]
    report = verify(function, rows)
    assert [row.row for row in found(report).failed] == failed
    assert why in found(report).cause
    assert [finding.code for finding in report.findings] == codes


def test_shapes_that_do_not_fit_are_told() -> None:
    rows = found(verify(lambda x: x.unsqueeze(-1).squeeze(), ROWS)).rows
    assert rows[0].remark == "(4,) for one row: expected (1, 4)"
    assert rows[0].differences == (None,)
    lost = found(verify(lambda x: {"out": x[:2]}, ROWS)).rows
    assert lost[2].remark == "(2, 4) for 3 rows: expected them along dim 0 in out"


def test_the_first_other_token() -> None:
    def wrong(rows: list[str]) -> list[list[int]]:
        return [[1, 2, 3 + len(rows)] for _ in rows]

    row = found(verify(wrong, ["a", "b"])).rows[0]
    assert (row.first_other, row.expected, row.got) == (2, "4", "5")


def test_part_of_a_longer_row_is_compared_and_said() -> None:
    rows = found(verify(lambda rows: pad(rows, left=True)[0], RAGGED)).rows
    assert rows[1].remark == "the last 1 of 3 along dim 0 compared"


def test_a_row_that_raises_alone_fails_and_says_so() -> None:
    def needs_two(x: torch.Tensor) -> torch.Tensor:
        if len(x) < 2:
            raise ValueError("two or more")
        return x

    report = verify(needs_two, ROWS)
    assert [row.remark for row in found(report).rows] == ["alone it raises ValueError: two or more"] * 3
    assert len(report.run.notes) == 1


def test_a_batch_that_raises_is_explained() -> None:
    table = torch.zeros(2, 4)
    report = verify(lambda x: torch.cat([x, table], dim=1), ROWS)
    assert report.outcome == "crashed"
    assert report.exception is not None
    assert report.exception.type == "RuntimeError"
    assert [finding.code for finding in report.findings][:1] == ["SG201"]
    assert not found(report).passed


def test_a_batch_that_raises_is_told_by_whether_a_row_does() -> None:
    assert found(verify(lambda x: x.reshape(1, 4), ROWS)).cause == "the batch raises where its rows do not"
    assert "for a row alone as for the batch" in found(verify(torch.relu, ["a", "b"])).cause


def test_rounding_of_a_module_is_told_from_a_leak() -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 64))
    rows = torch.rand(33, 64)
    report = verify(module, rows, tolerance=0.0)
    assert not found(report).passed
    assert found(report).repeated_in == "float64"
    assert all(row.rounding for row in found(report).failed)
    assert found(report).cause == "rounding of float32 alone: in float64 all rows agree"
    assert next(module.parameters()).dtype == torch.float32
    assert found(verify(module, rows)).passed


def test_a_tolerance_that_is_asked_for_decides() -> None:
    def nearly(x: torch.Tensor) -> torch.Tensor:
        return x + 0.01 * len(x)

    assert not found(verify(nearly, ROWS)).passed
    assert found(verify(nearly, ROWS, tolerance=0.1)).passed
    assert found(verify(nearly, ROWS, tolerance=0.1)).tolerance == "0.1, as asked for"


def test_nan_is_not_equal_to_a_number_and_is_to_itself() -> None:
    def poisoned(x: torch.Tensor) -> torch.Tensor:
        return x / 0 if len(x) > 1 else x

    assert [row.worst for row in found(verify(poisoned, ROWS)).failed] == [None] * 3
    assert found(verify(lambda x: x * float("nan"), ROWS)).passed
    assert found(verify(lambda x: x - float("inf"), ROWS)).passed


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[:1], "at least two rows, got 1"),
        ([], "at least two rows, got 0"),
        (torch.tensor(3.0), "at least two rows, got 0"),
        ("text", "a list, tensor or mapping of rows, got str"),
        (7, "a list, tensor or mapping of rows, got int"),
        ({"a": ROWS, "b": ROWS[:2]}, "with as many rows each"),
        ({"a": 1}, "with as many rows each"),
    ],
)
def test_rows_that_are_none(rows: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        verify(lambda x: x, rows)


def test_what_is_no_function() -> None:
    with pytest.raises(UsageError, match="expected a function and its rows, got int"):
        verify(3, ROWS)  # type: ignore[call-overload]


def test_numpy_rows_stay_numpy() -> None:
    seen: list[type] = []
    verify(lambda x: seen.append(type(x)) or x, np.eye(3))
    assert set(seen) == {np.ndarray}
