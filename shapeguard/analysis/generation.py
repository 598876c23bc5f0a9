"""Where a generation starts: a call of ``generate``, or the prefill of a decoding loop written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_SHIFTS = frozenset(
    {"squeeze", "float", "to", "detach", "clone", "contiguous", "cpu", "div", "truediv", "log_softmax", "softmax"}
)


def generations(run: Run) -> Iterator[Row]:
    """Rows of ``generate``, and prefills whose last position is read to choose the next token of every row."""
    yield from run.of_kind("generate")
    chosen = _continued(run)
    for row in run.of_kind("forward"):
        ids = inputs_of(row)
        if ids is not None and len(ids.last) == 2 and ids.last[1] > 1 and row.id in chosen:
            yield row


def _continued(run: Run) -> set[int]:
    """Forward rows of whose result the last position of all rows was taken, as a decoding loop does: ``logits[:, -1]``."""
    found = set()
    for row in run.of_kind("op"):
        if row.op != "getitem" or not row.inputs:
            continue
        index = row.args.get("index")
        given = row.inputs[0]  # in a loop that feeds the whole text each time, the first is the prompt's
        sources = [_source(run, origin) for origin in (given.origin, given.first_origin) if origin is not None]
        positions = len(row.inputs[0].last) > 2  # (batch, seq, vocab): of (batch, classes) a class is picked
        takes_last = (
            positions and isinstance(index, list) and len(index) > 1 and index[0] == ":" and index[1] in (-1, "-1:")
        )
        if takes_last:
            found |= {source.id for source in sources if source is not None and source.kind == "forward"}
    return found


def _source(run: Run, origin: int | None) -> Row | None:
    """The row a tensor came from, through ops that keep its positions."""
    row = run.row(origin)
    for _ in range(10):
        if row is None or row.op not in _SHIFTS or not row.inputs:
            return row
        row = run.row(row.inputs[0].origin)
    return row
