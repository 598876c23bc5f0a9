"""Where the dims of a result come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shapeguard.analysis.semantics import Call, dim_sources, output_shape
from shapeguard.values.shapes import Shape

Sources = list[tuple[str, int]]


def sources(op: str, tensors: Mapping[str, Shape], **args: Any) -> list[Sources]:
    """For each dim of the result."""
    call = Call(op, list(tensors.items()), args)
    shape = output_shape(op, call)
    assert shape is not None
    return [dim_sources(op, call, dim) for dim in range(len(shape))]


X = {"input": (2, 12, 4)}
CASES: list[tuple[str, Mapping[str, Shape], dict[str, Any], list[list[int]]]] = [
    ("reshape", X, {"size": [2, 3, 4, 4]}, [[0], [1], [1], [2]]),
    ("reshape", X, {"size": [24, 4]}, [[0, 1], [2]]),
    ("reshape", X, {"size": [2, -1]}, [[0], [1, 2]]),
    ("reshape", {"input": (2, 1, 6)}, {"size": [2, 6, 1]}, [[0], [2], []]),
    ("reshape", {"input": (6, 1)}, {"size": [1, 2, 3, 1]}, [[], [0], [0], [1]]),
    ("flatten", X, {"start_dim": 1}, [[0], [1, 2]]),
    ("Flatten", X, {}, [[0], [1, 2]]),
    ("unflatten", X, {"dim": 1, "sizes": [3, 4]}, [[0], [1], [1], [2]]),
    ("transpose", X, {"dim0": 1, "dim1": 2}, [[0], [2], [1]]),
    ("permute", X, {"dims": [2, 0, 1]}, [[2], [0], [1]]),
    ("squeeze", {"input": (2, 1, 3)}, {"dim": 1}, [[0], [2]]),
    ("unsqueeze", X, {"dim": 1}, [[0], [], [1], [2]]),
    ("sum", X, {"dim": 1}, [[0], [2]]),
    ("sum", X, {"dim": 1, "keepdim": True}, [[0], [], [2]]),
    ("expand", {"input": (1, 4)}, {"size": [3, 5, 4]}, [[], [], [1]]),
    ("repeat", {"input": (3, 4)}, {"repeats": [2, 1, 2]}, [[], [0], [1]]),
    ("select", X, {"dim": 0, "index": 1}, [[1], [2]]),
    ("chunk", X, {"chunks": 3, "dim": 1}, [[0], [1], [2]]),
    ("max_pool2d", {"input": (2, 3, 8, 8)}, {"kernel_size": 2}, [[0], [1], [2], [3]]),
    ("adaptive_avg_pool2d", {"input": (2, 3, 8, 8)}, {"output_size": 1}, [[0], [1], [], []]),
    ("getitem", X, {"index": ["none", "ellipsis", "slice::2:"]}, [[], [0], [1], [2]]),
    ("getitem", X, {"index": ["slice:1::", "int:0"]}, [[0], [2]]),
    ("pixel_shuffle", {"input": (2, 8, 3, 5)}, {"upscale_factor": 2}, [[0], [1], [2], [3]]),
    ("stft", {"input": (2, 64)}, {"n_fft": 16, "hop_length": 4, "return_complex": True}, [[0], [], [1]]),
    ("one_hot", X, {"num_classes": 7}, [[0], [1], [2], []]),
    ("new_zeros", X, {"size": [3, 3]}, [[], []]),
]


@pytest.mark.parametrize(("op", "tensors", "args", "expected"), CASES)
def test_one_operand(op: str, tensors: Mapping[str, Shape], args: dict[str, Any], expected: list[list[int]]) -> None:
    assert sources(op, tensors, **args) == [[("input", dim) for dim in dims] for dims in expected]


def test_the_joined_dim_comes_from_all_parts() -> None:
    tensors = {"tensors[0]": (2, 3), "tensors[1]": (2, 5)}
    assert sources("cat", tensors, dim=1)[1] == [("tensors[0]", 1), ("tensors[1]", 1)]
    assert output_shape("cat", Call("cat", list(tensors.items()), {"dim": 1})) == (2, 8)


def test_the_stacked_dim_is_born() -> None:
    assert sources("stack", {"tensors[0]": (2,), "tensors[1]": (2,)}, dim=1)[1] == []


def test_broadcasting_follows_the_larger_side() -> None:
    assert sources("add", {"input": (4, 1), "other": (6,)}) == [[("input", 0)], [("other", 0)]]
    assert sources("add", {"input": (4,), "other": (4,)}) == [[("input", 0), ("other", 0)]]


def test_a_product_takes_rows_and_columns() -> None:
    assert sources("matmul", {"input": (5, 2, 3), "other": (3, 7)}) == [[("input", 0)], [("input", 1)], [("other", 1)]]
    assert sources("linear", {"input": (5, 3), "weight": (7, 3)}) == [[("input", 0)], [("weight", 0)]]
    assert sources("einsum", {"operands[0]": (5, 3), "operands[1]": (7, 3)}, equation="id,jd->ji") == [
        [("operands[1]", 0)],
        [("operands[0]", 0)],
    ]


def test_channels_come_from_the_weight() -> None:
    assert sources("conv1d", {"input": (2, 3, 9), "weight": (8, 3, 3)}, stride=2)[1:] == [
        [("weight", 0)],
        [("input", 2)],
    ]


def test_index_tensors_stand_in_for_the_dim_they_select() -> None:
    assert sources("getitem", {"input": (9, 4), "index": (2, 3)}, index=["index:(2, 3)"]) == [
        [("index", 0)],
        [("index", 1)],
        [("input", 1)],
    ]
    assert sources("embedding", {"input": (2, 5), "weight": (10, 8)})[2] == [("weight", 1)]


def test_rows_under_a_mask_come_from_the_masked_dim_though_their_number_is_not_known() -> None:
    call = Call("getitem", [("input", (9, 4)), ("index", (9,))], {"index": ["mask:(9,)"]})
    assert output_shape("getitem", call) is None
    assert dim_sources("getitem", call, 0) == [("input", 0)]


def test_attention_takes_its_length_from_the_queries() -> None:
    tensors = {"query": (2, 8, 5, 16), "key": (2, 8, 9, 16), "value": (2, 8, 9, 4)}
    assert sources("scaled_dot_product_attention", tensors)[2:] == [[("query", 2)], [("value", 3)]]


def test_nothing_is_said_of_a_dim_that_is_not_there() -> None:
    assert dim_sources("sum", Call("sum", [("input", (2, 3))]), 0) == []
