"""Final states of a recurrent layer, (layers * directions, batch, features), viewed as if the batch stood first.

``batch_first`` moves the batch of a layer's input and output, not that of its states.
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_VIEWS = frozenset({"view", "reshape"})


def mixed_states(run: Run) -> Iterator[Row]:
    """Views of final states that put several layers or directions of different rows side by side."""
    for row in run.of_kind("op"):
        if row.op not in _VIEWS or row.error or not row.inputs or not row.outputs:
            continue
        states, result = row.inputs[0].last, row.outputs[0].last
        made = run.row(row.inputs[0].origin)
        if made is None or made.op not in _RECURRENT or len(states) != 3 or len(result) < 2:
            continue
        layers, batch, features = states
        is_state = any(out.last == states for out in made.outputs[1:]) and made.outputs[0].last != states
        if is_state and layers > 1 and batch > 1 and result[0] == batch != layers and result[1] == layers * features:
            yield row
