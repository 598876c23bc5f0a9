"""The table refuses what does not belong, knows every spelling, and survives odd calls."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest

from shapeguard.analysis.semantics import Call, Clash, clash, dim_sources, known, output_shape, register, registered
from shapeguard.analysis.semantics.base import Rule, _registry


def _rule(call: Any) -> None:
    return None


def test_a_name_has_one_rule() -> None:
    with pytest.raises(ValueError, match="'cat' twice"):
        register("cat", params="input")
    with pytest.raises(ValueError, match="'new_op' twice"):
        register("new_op", "new_op", params="input")


def test_wrong_types_are_refused() -> None:
    no_text: Any = 3
    no_rule: Any = "rule"
    with pytest.raises(TypeError, match="got int"):
        register(no_text, params="input")
    with pytest.raises(TypeError, match="got none"):
        register(params="input")
    with pytest.raises(TypeError, match="got str"):
        register("new_op", params="input")(no_rule)
    assert not known("new_op")


def test_a_rule_is_returned_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapeguard.analysis.semantics.base._registry", {})
    rule: Rule = _rule
    assert register("new_op", params="input")(rule) is rule
    assert registered() == ["new_op"]


@pytest.mark.parametrize(
    "name",
    ["add", "__add__", "radd", "__iadd__", "add_", "+", "+=", "torch.Tensor.add_", "torch.add", "__ge__", "<", "and"],
)
def test_spellings_of_elementwise_ops(name: str) -> None:
    answer = clash(name, Call(name, [("input", (3,)), ("other", (2,))]))
    assert answer is not None
    assert answer.sizes == (3, 2)


@pytest.mark.parametrize(
    "labels", [("input", "index"), ("0", "2"), ("args[0]", "args[2]"), ("self", "index"), ("q", "a")]
)
def test_operands_are_found_by_name_position_or_order(labels: tuple[str, str]) -> None:
    shapes = ((8, 4), (8,))
    answer = clash("gather", Call("gather", list(zip(labels, shapes, strict=True)), {"dim": 1}))
    assert answer is not None
    assert (answer.left, answer.right) == labels


@pytest.mark.parametrize(
    "args", [{"size": [2, 5]}, {"1": 2, "2": 5}, {"size[0]": 2, "size[1]": 5}, {"shape": [2, 5]}, {"1": [2, 5]}]
)
def test_sizes_are_found_in_every_spelling(args: dict[str, Any]) -> None:
    answer = clash("view", Call("view", [("input", (2, 6))], args))
    assert answer is not None
    assert answer.sizes == (10, 12)


_ODD: list[Any] = [
    0,
    -1,
    5,
    True,
    None,
    "float",
    "ij->k",
    "same",
    [],
    [0],
    [2, 2],
    [-1, -1],
    ["int:x"],
    ["slice::0:0"],
    2.5,
]


def _odd_call(draw: random.Random, op: str) -> Call:
    """The op's own parameters with anything in them."""
    names = [
        *(param.name for param in _registry[op].params),
        "dim",
        "index",
        "num_heads",
        "hidden_size",
        "lengths",
        "1",
        "",
    ]
    tensors = [
        (draw.choice(names), tuple(draw.choices((0, 1, 2), k=draw.randint(0, 4)))) for _ in range(draw.randint(0, 4))
    ]
    args = {draw.choice(names): draw.choice(_ODD) for _ in range(draw.randint(0, 4))}
    return Call(op, tensors, args, {"index_max": draw.choice(_ODD), "stride": draw.choice(_ODD)})


@pytest.mark.parametrize("op", registered())
def test_odd_calls_are_answered(op: str) -> None:
    draw = random.Random(op)
    for _ in range(60):
        call = _odd_call(draw, op)
        answer = clash(op, call)
        assert answer is None or (isinstance(answer, Clash) and answer.text), call
        output_shape(op, call)
        dim_sources(op, call, 0)


def test_the_table_is_free_of_torch() -> None:
    code = "import sys, shapeguard.analysis.semantics as s; assert s.known('cat'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
