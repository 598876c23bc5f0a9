"""Results that depend on who else is in the batch: scores normalised over its rows, values less the mean over all of them."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import users_of
from shapeguard.analysis.normalised import softmaxes
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row


def over_requests(run: Run) -> Iterator[Row]:
    """Softmaxes over the rows of what a library's classifier says of a batch, (batch, classes)."""
    for row, dim in softmaxes(run):
        made = run.row(row.inputs[0].origin)
        classifier = made is not None and made.kind == "forward" and "Classification" in made.op
        if classifier and dim == 0 and len(row.inputs[0].last) == 2 and row.inputs[0].first[0] > 1:
            yield row


def less_the_mean_of_all(run: Run) -> Iterator[Row]:
    """``value + advantage - advantage.mean()`` of a model: the mean over rows and columns, where each row is to lose its own.

    Nothing is divided by a deviation afterwards, as it would be where a batch is standardised, and a column (batch, 1) is
    added: that is the dueling head of Wang et al. 2016 (arXiv 1511.06581, equation 9), which takes the mean over the actions.
    """
    for mean in run.of_kind("op"):
        given = mean.inputs[0] if mean.op == "mean" and mean.inputs and mean.outputs else None
        if (
            given is None
            or mean.outputs[0].last != ()
            or len(given.last) != 2
            or max(given.first[0], given.last[0]) < 2
        ):
            continue
        layer = run.row(given.origin)
        if layer is None or layer.kind != "module" or given.last[1] < 2:
            continue
        for use in users_of(run, mean):
            others = [run.row(tensor.origin) for tensor in use.inputs if tensor.origin != mean.id]
            if use.op in ("sub", "rsub") and any(
                _with_a_column(run, other, layer) for other in [*others, *users_of(run, use)]
            ):
                yield mean
                break


def _with_a_column(run: Run, row: Row | None, layer: Row) -> bool:
    """Whether a sum adds a column (batch, 1) that another layer made of the same batch."""
    if row is None or row.op not in ("add", "iadd", "add_"):
        return False
    columns = [tensor for tensor in row.inputs if len(tensor.last) == 2 and tensor.last[1] == 1]
    made = [run.row(tensor.origin) for tensor in columns]
    return any(column is not None and column.kind == "module" and column.id != layer.id for column in made)
