"""Batches of token ids: how they were padded, as far as the run could tell for free."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_HANDED_ON = frozenset({"to", "cuda", "cpu", "long", "int", "clone", "detach", "contiguous", "pin_memory"})
_MOVES = 20


class Padding(NamedTuple):
    """Padding of one batch: ``ids`` and ``mask`` are "none", "left", "right", "both", "all", "holes", "absent" or "?"."""

    ids: str
    mask: str
    tokenizer: Row | None  # the tokenizer call that made the batch

    @property
    def padded(self) -> bool:
        """Whether rows are known to hold padding."""
        return self.ids in ("left", "right", "both")

    @property
    def side(self) -> str:
        """The side the rows are padded on: as a mask that tells it says, else as the ids do."""
        return self.mask if self.mask in ("left", "right", "both") else self.ids

    @property
    def unmasked(self) -> bool:
        """Whether padded rows go in without a mask that hides the padding."""
        return self.padded and self.mask in ("absent", "none")


def inputs_of(row: Row) -> TensorArg | None:
    """The token ids a model or ``generate`` was called with."""
    return next((tensor for tensor in row.inputs if tensor.label in ("input_ids", "inputs")), None)


def padding_of(run: Run, row: Row) -> Padding:
    """How the batch of a forward or generate row was padded: the tokenizer's word first, then what the ids show."""
    ids = inputs_of(row)
    # A loop that feeds the whole text again each time began with the tokenizer's.
    source = tokenizer_of(run, ids) or tokenizer_of(run, _first(ids))
    seen = str(row.args.get("ids padded", "?"))
    told = str(source.args.get("padded", "?")) if source is not None else _padded_here(run, ids)
    return Padding(told if told != "?" else seen, str(row.args.get("mask padded", "?")), source)


def _first(ids: TensorArg | None) -> TensorArg | None:
    """The ids of the first of several calls that are told as one."""
    if ids is None or ids.first_origin is None:
        return None
    return msgspec.structs.replace(ids, origin=ids.first_origin)


def _padded_here(run: Run, ids: TensorArg | None) -> str:
    """The side on which the program itself padded rows of several lengths, with ``pad_sequence``; "?" where it did not."""
    made = made_by(run, ids)
    if made is None or made.op != "pad_sequence" or len({row.last[:1] for row in made.inputs}) < 2:
        return "?"
    return "left" if "left" in made.args.values() else "right"


def tokenizer_of(run: Run, tensor: TensorArg | None) -> Row | None:
    """The tokenizer call a batch came from, through moves between devices and dtypes."""
    row = made_by(run, tensor)
    return row if row is not None and row.kind == "tokenizer" else None


def made_by(run: Run, tensor: TensorArg | None) -> Row | None:
    """The row that made a tensor, before moves between devices and dtypes."""
    row = run.row(tensor.origin) if tensor is not None else None
    for _ in range(_MOVES):
        if row is None or row.kind == "tokenizer" or row.op not in _HANDED_ON or not row.inputs:
            return row
        row = run.row(row.inputs[0].origin)
    return None
