"""A reader says of a call what describing it in full says, and knows every call that is not like its own."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

import shapeguard
from shapeguard.capture.form import Form, sizes_check
from shapeguard.capture.layout import describe_call, describe_result
from shapeguard.capture.reader import call_reader, result_reader
from shapeguard.capture.segment import flat

_A = torch.zeros(3, 1, 8)
_FORM = Form(lambda: None, ())  # that follows no row yet
_CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((_A, torch.zeros(8)), {}),
    ((_A, 2), {}),
    (([_A, torch.zeros(3, 4, 8)],), {"dim": 1}),
    (((_A, _A),), {"dim": -1}),
    ((_A, (slice(None), slice(1, None, 2), None, ...)), {}),
    ((_A, torch.nn.Parameter(torch.zeros(4, 8)), None), {}),
    ((_A, "bi,bj->ij"), {"dtype": torch.float16, "device": torch.device("cpu")}),
    ((_A, 0.5), {"training": True}),
    ((_A, _A.shape, None, 1e-5), {}),
    ((_A, [[1, 2], [3, 4]]), {"other": object()}),
    ((_A,), {"encoder_outputs": {"last": _A, "all": (_A, _A[0]), "rows": 3}}),
]
_CHANGES: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [
    ((_A,), (_A[0],)),  # rank
    ((_A,), (_A.half(),)),
    ((_A,), (torch.nn.Parameter(_A),)),
    ((_A,), (_A.to("meta"),)),
    ((_A, 1), (_A, True)),
    ((_A, None), (_A, 1)),
    ((_A, "a"), (_A, "b")),
    ((_A, [1]), (_A, [1, 2])),
    ((_A, [1]), (_A, (1,))),
    (({"x": _A},), ({"x": _A[0]},)),
    (({"x": _A},), ({"y": _A},)),
    ((_A, slice(1)), (_A, slice(None))),
    ((_A,), (_A, _A)),
]


@pytest.mark.parametrize(("args", "kwargs"), _CALLS)
def test_a_call_is_read_as_it_is_described(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    numbers: list[int] = []
    describe_call(args, kwargs, numbers, [])
    read = call_reader(args, kwargs)
    assert read is not None
    seen = read(args, kwargs, {}, _FORM)
    assert seen is not None
    assert flat(seen[0]) == tuple(numbers)


@pytest.mark.parametrize(("args", "others"), _CHANGES)
def test_another_call_is_not_read(args: tuple[Any, ...], others: tuple[Any, ...]) -> None:
    read = call_reader(args, {})
    assert read is not None
    assert read(args, {}, {}, _FORM) is not None
    assert read(others, {}, {}, _FORM) is None


def test_another_keyword_is_not_read() -> None:
    read = call_reader((_A,), {"dim": 1})
    assert read is not None
    assert read((_A,), {}, {}, _FORM) is None
    with pytest.raises(KeyError):
        read((_A,), {"axis": 1}, {}, _FORM)


@pytest.mark.parametrize(
    "result", [_A, None, (_A, _A[0]), [_A, 3], {"logits": _A, "hidden": (_A, _A)}, _A.max(0), 7], ids=str
)
def test_a_result_is_read_as_it_is_described(result: Any) -> None:
    numbers: list[int] = []
    tensors: list[torch.Tensor] = []
    describe_result(result, numbers, tensors)
    read = result_reader(result)
    assert read is not None
    seen = read(result, _FORM)
    assert seen is not None
    assert flat(seen[0]) == tuple(numbers)
    assert list(map(id, seen[1])) == list(map(id, tensors))


@pytest.mark.parametrize(("result", "other"), [(_A, _A[0]), (_A, None), ((_A, _A), (_A,)), ({"a": _A}, {"b": _A})])
def test_another_result_is_not_read(result: Any, other: Any) -> None:
    read = result_reader(result)
    assert read is not None
    assert read(other, _FORM) is None


def test_a_long_text_is_left_to_be_described() -> None:
    assert call_reader((_A, "a prompt is nobody's business"), {}) is None


@pytest.mark.parametrize("level", ["user", "all"])
def test_a_place_that_calls_otherwise_gets_another_row(level: Any) -> None:
    def rows(program: Callable[[torch.Tensor], torch.Tensor], *inputs: torch.Tensor) -> list[tuple[int, str, int]]:
        with shapeguard.guard(level) as guard:
            for value in inputs:
                program(value)
        found = [row for row in guard.recording.rows if row.op == "mul"]
        return [(len(row.inputs[0].last), row.inputs[0].dtype, row.count) for row in found]

    same = [torch.zeros(2, 3)] * 5
    assert rows(lambda x: x * 2, *same) == [(2, "float32", 5)]
    assert rows(lambda x: x * 2, *same, torch.zeros(2, 3).half(), *same) == [(2, "float32", 10), (2, "float16", 1)]
    assert rows(lambda x: x * 2, *same, torch.zeros(3), *same) == [(2, "float32", 10), (1, "float32", 1)]


def test_steady_growth_stays_one_row_and_a_change_is_seen() -> None:
    with shapeguard.guard("all") as guard:
        for size in [*range(1, 40), 7, *range(40, 60)]:
            torch.zeros(size, 2).relu()
    found = [(row.inputs[0].first, row.inputs[0].last, row.count) for row in guard.recording.rows if row.op == "relu"]
    assert found == [((1, 2), (59, 2), 59), ((7, 2), (7, 2), 1)]


def test_a_nested_tensor_in_a_known_place_is_described() -> None:
    nested = torch.nested.nested_tensor([torch.zeros(2, 3), torch.zeros(4, 3)])
    with shapeguard.guard() as guard:
        for value in [*[torch.zeros(2, 3)] * 3, nested, torch.zeros(2, 3)]:
            value * 2
    assert guard.recording.notes == []
    assert [row.count for row in guard.recording.rows if row.op == "mul"] == [4]  # it has no shape to tell


def test_an_error_in_a_known_place_is_a_row_of_its_own() -> None:
    caught = 0
    with shapeguard.guard() as guard:
        for size in (3, 3, 3, 4):
            try:
                torch.zeros(2, 3) + torch.zeros(size)
            except RuntimeError:
                caught += 1
    found = [(row.count, bool(row.error), row.inputs[1].last) for row in guard.recording.rows if row.op == "add"]
    assert (caught, found) == (1, [(3, False, (3,)), (1, True, (4,))])


def test_a_check_tells_sizes_types_and_dtypes() -> None:
    check = sizes_check([_A, _A[0, 0]])
    assert check is not None
    assert check(_A + 1, _A[1, 0])
    assert check(_A.transpose(0, 2).contiguous().transpose(0, 2), _A[1, 0])
    for other in (_A[:2], _A[0], _A.half(), torch.nn.Parameter(_A), _A.to("meta"), 3):
        assert not check(other, _A[0, 0])


def test_sizes_in_turn_at_one_place_are_counted_each() -> None:
    with shapeguard.guard("all") as guard:
        for turn in range(60):
            torch.zeros(*((2, 5), (3, 9), (7, 1))[turn % 3]).relu()
    assert [(row.inputs[0].last, row.count) for row in guard.recording.rows if row.op == "relu"] == [
        ((2, 5), 20),
        ((3, 9), 20),
        ((7, 1), 20),
    ]


def test_gradients_on_and_off_are_one_row() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    with shapeguard.guard("all") as guard:
        for turn in range(20):
            with torch.set_grad_enabled(turn % 2 == 0):
                torch.zeros(2, 3) * weight
    assert [row.count for row in guard.recording.rows if row.op == "mul"] == [20]


@pytest.mark.parametrize("level", ["boundary", "user", "all"])
def test_a_cache_lets_go_of_the_old_keys_while_it_is_updated(level: Any) -> None:
    from transformers.cache_utils import DynamicCache

    alive: list[bool] = []

    def update(cache: Any, new: torch.Tensor) -> None:
        old = weakref.ref(cache.layers[0].keys)
        original = cache.layers[0].update

        def spying(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            alive.append(old() is not None)
            return result

        cache.layers[0].update = spying
        cache.update(new, new, 0)
        del cache.layers[0].update

    cache = DynamicCache()
    with shapeguard.guard(level):
        cache.update(torch.zeros(3, 2, 4, 8), torch.zeros(3, 2, 4, 8), 0)
        for _ in range(6):
            update(cache, torch.zeros(3, 2, 1, 8))
    assert alive == [False] * 6
