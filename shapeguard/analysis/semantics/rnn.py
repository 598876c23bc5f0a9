"""Recurrent layers and their hidden states.

Sizes come from the arguments ``input_size`` and ``hidden_size`` or from the weights of the first layer. The first
result is the output, (seq, batch, directions * hidden), or (batch, seq, ...) with ``batch_first``.
"""

from __future__ import annotations

from collections.abc import Sequence

from shapeguard.analysis.semantics.axes import (
    Axes,
    Axis,
    Operand,
    Side,
    at_least_rank,
    must_equal,
    must_have_rank,
    refuse,
    same_rank,
    written,
)
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound

_LAYER = "input hx cx weight_ih_l0 weight_hh_l0 batch_first= num_layers= bidirectional= proj_size="
_CELL = "input hx cx weight_ih weight_hh bias_ih bias_hh"


@register("RNN", "GRU", params=_LAYER)
def recurrent(call: Bound) -> Axes:
    return _layered(call, *_states(call)[:1])


@register("LSTM", params=_LAYER)
def lstm(call: Bound) -> Axes:
    """A single tensor for the pair of states is taken apart along its first dim."""
    states = _states(call)
    if len(states) == 1 and states[0].label == "hx" and call.tensor("input").rank == states[0].rank:
        text = f"a pair of states is wanted and one tensor given, whose entries have {states[0].rank - 1} dims"
        refuse("rank", Side("hx", None, states[0].rank - 1), Side("input", None, states[0].rank), text)
    return _layered(call, *states)


@register("RNNCell", "GRUCell", "rnn_tanh_cell", "rnn_relu_cell", "gru_cell", params=_CELL)
def cell(call: Bound) -> Axes:
    return _stepped(call, _states(call)[:1])


@register("LSTMCell", "lstm_cell", params=_CELL)
def lstm_cell(call: Bound) -> Axes:
    return _stepped(call, _states(call))


def _states(call: Bound) -> list[Operand]:
    """The hidden state, then the cell state: given as ``hx`` and ``cx`` or as ``hx[0]`` and ``hx[1]``."""
    return [*call.tensors("hx"), *call.tensors("cx")]


def _layered(call: Bound, *states: Operand) -> Axes:
    given, hidden = call.tensor("input"), _hidden_size(call)
    must_have_rank(given, 2, 3)
    packed = call.find("batch_sizes") is not None or any(operand.label == "batch_sizes" for operand in call.all)
    batched = given.rank == 3
    for state in states if not packed else ():
        if state.rank != given.rank:
            same_rank(given, state)
    must_equal(_input_size(call), given.side(-1), "feature", given.rank - 1)
    out = call.number("proj_size", 0) or hidden
    if not packed:
        batch = int(not call.flag("batch_first")) if batched else None
        for number, state in enumerate(states):
            _state_fits(call, given, batch, state, out if number == 0 else hidden)
    return [*given.axes[:-1], Axis(out * _directions(call))]


def _state_fits(call: Bound, given: Operand, batch: int | None, state: Operand, hidden: int) -> None:
    """(layers * directions, batch, hidden), the batch missing where the input has none."""
    layers = call.number("num_layers", 1) * _directions(call)
    must_equal(Side("num_layers", None, layers), state.side(0), "layer", 0)
    if batch is not None:
        must_equal(given.side(batch), state.side(1), "batch", 1)
    must_equal(Side("hidden_size", None, hidden), state.side(-1), "feature", state.rank - 1)


def _stepped(call: Bound, states: Sequence[Operand]) -> Axes:
    """(batch, features) with a state (batch, hidden), or both without the batch."""
    given, hidden = call.tensor("input"), _hidden_size(call)
    must_have_rank(given, 1, 2)
    for state in states:
        must_have_rank(state, 1, 2)
        if state.rank != given.rank:
            same_rank(given, state)
    must_equal(_input_size(call), given.side(-1), "feature", given.rank - 1)
    for state in states:
        if given.rank == 2:
            must_equal(given.side(0), state.side(0), "batch")
        must_equal(Side("hidden_size", None, hidden), state.side(-1), "feature", state.rank - 1)
    return [*given.axes[:-1], Axis(hidden)]


def _directions(call: Bound) -> int:
    return 2 if call.flag("bidirectional") else 1


def _input_size(call: Bound) -> Side:
    if call.has("input_size"):
        return Side("input_size", None, call.number("input_size"))
    return call.tensor("weight_ih_l0", "weight_ih").side(1)


def _hidden_size(call: Bound) -> int:
    if call.has("hidden_size"):
        return call.number("hidden_size")
    weight = call.find("weight_hh_l0", "weight_hh")
    if weight is not None:
        return weight.side(-1).size
    return call.number("hidden_size")


@register("pack_padded_sequence", params="input lengths batch_first=")
def pack_padded_sequence(call: Bound) -> None:
    """One length for each row of the batch."""
    given = call.tensor("input")
    lengths = call.find("lengths") or written("lengths", [len(call.numbers("lengths"))])
    at_least_rank(given, 2)
    must_have_rank(lengths, 1)
    must_equal(given.side(0 if call.flag("batch_first") else 1), lengths.side(0), "batch")
