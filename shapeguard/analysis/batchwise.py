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


def normalised_over_rows(run: Run) -> Iterator[Row]:
    """``F.normalize(z, dim=0)`` of (batch, features) whose rows are then compared, ``z @ z.T``: it is each row that is to have norm 1."""
    for row in run.of_kind("op"):
        if row.op != "normalize" or row.error or not row.inputs or not row.outputs or len(row.outputs[0].last) != 2:
            continue
        if row.args.get("dim") not in (0, -2) or row.outputs[0].last[0] < 2:
            continue
        for use in users_of(run, row):
            turned = use.op in ("t", "T", "transpose", "mT", "permute")
            products = users_of(run, use) if turned else [use]
            compared = [p for p in products if p.op in ("matmul", "mm", "cdist") and p.inputs and p.outputs]
            if any(product.inputs[0].origin == row.id for product in compared):
                yield row
                break


def spread_cosines(run: Run) -> Iterator[Row]:
    """``F.cosine_similarity`` along a dim in which one side has a single place: it is repeated there, and no features are summed."""
    for row in run.of_kind("op"):
        if row.op != "cosine_similarity" or row.error or len(row.inputs) < 2:
            continue
        one, other = row.inputs[0].last, row.inputs[1].last
        dim = row.args.get("dim", 1)
        if len(one) == len(other) > 1 and type(dim) is int and one[dim] != other[dim] and 1 in (one[dim], other[dim]):
            yield row


def summed_over_expanded(run: Run) -> Iterator[tuple[Row, Row]]:
    """Products along a dim to which an operand was expanded from one entry: (product, expansion). They only add up the other operand's."""
    for row in run.of_kind("op"):
        if row.op not in ("matmul", "bmm") or row.error or len(row.inputs) < 2 or len(row.inputs[1].last) < 2:
            continue
        for tensor, dim in ((row.inputs[0], -1), (row.inputs[1], -2)):
            made = run.row(tensor.origin)
            if made is None or made.op not in ("expand", "expand_as") or not made.inputs or len(tensor.last) < 2:
                continue
            before = made.inputs[0].last
            if len(before) == len(tensor.last) and before[dim] == 1 < tensor.last[dim]:
                yield row, made
