"""Packing of padded sequences: the padded length taken for the batch, and positions that unpacking left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg


class Mispacked(NamedTuple):
    """A packing that read the other dim as the batch: its row, what was packed, the lengths, and what it was told."""

    row: Row
    given: TensorArg
    lengths: TensorArg
    batch_first: bool

    @property
    def rows(self) -> int:
        """What was read as the batch."""
        return self.given.last[0 if self.batch_first else 1]


def mispacked(run: Run) -> Mispacked | None:
    """The first packing whose lengths are as many as the rows that stand in the other dim than the one it was told."""
    for row, given, lengths, batch_first in _packings(run):
        rank, count = len(given.last), lengths.last[0] if len(lengths.last) == 1 else 0
        if rank > 1 and given.last[int(batch_first)] == count != given.last[1 - int(batch_first)]:
            return Mispacked(row, given, lengths, batch_first)
    return None


def _packings(run: Run) -> Iterator[tuple[Row, TensorArg, TensorArg, bool]]:
    """Every packing: refused by torch, or let through, because rows are sorted by as many lengths as there are."""
    for row in run.failed_rows[:1]:
        told = row.args.get("batch_first", row.args.get("arg2"))
        if row.op.strip("_") == "pack_padded_sequence" and len(row.inputs) > 1 and isinstance(told, bool):
            yield row, row.inputs[0], row.inputs[1], told
    for row in run.of_kind("op"):
        told = row.args.get("batch_first", row.args.get("arg2"))
        if row.op != "_pack_padded_sequence" or row.error or len(row.inputs) < 2 or not isinstance(told, bool):
            continue
        picked = run.row(row.inputs[0].origin)
        if picked is not None and picked.op == "index_select" and picked.chain == row.chain and len(picked.inputs) == 2:
            yield row, picked.inputs[0], picked.inputs[1], told


def laid_out_at(run: Run, found: Mispacked) -> Location | None:
    """Where the padded tensor got its layout, if that was a ``pad_sequence`` which nobody told to put the batch first."""
    padded = next((row for row in ancestors(run, found.given) if row.op == "pad_sequence"), None)
    return run.location(padded if padded is not None and found.batch_first else found.row)


def left_out(dispute: Dispute) -> Cause | None:
    """The side that was unpacked to its longest row, where the other has all positions of what had been packed."""
    run = dispute.run
    for index, of in enumerate(dispute.both):
        unpacked = next((hop.row for hop in of.hops if hop.row.op == "_pad_packed_sequence"), None)
        packed = _packed_before(run, unpacked) if unpacked is not None else None
        place = run.location(unpacked) if unpacked is not None else None
        if packed is not None and place is not None and dispute.both[1 - index].size in packed.last[:2]:
            return dispute.blame(index, place, "changed")
    return None


def _packed_before(run: Run, unpacked: Row) -> TensorArg | None:
    behind = (row for row in ancestors(run, unpacked.inputs[0]) if row.op == "_pack_padded_sequence")
    packed = next(behind, None)
    return packed.inputs[0] if packed is not None and packed.inputs else None
