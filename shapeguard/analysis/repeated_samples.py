"""Samples that a sampler repeated so that all ranks have as many, and that stay among what was gathered of all ranks."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from shapeguard.analysis.graph import makers
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_FEW = 8  # numbers that are counts, and not a layer's gradient
_GATHERING = frozenset({"all_gather", "gather", "all_gather_into_tensor"})


class Repeated(NamedTuple):
    """The loader, how many samples its data set has and to how many they were filled up, what holds them all, and where they were gathered."""

    loader: Row
    samples: int
    total: int
    whole: Row
    location: Location | None


def repeated_samples(run: Run) -> Repeated | None:
    """The batches of a loader that were gathered from all ranks into more rows than there are samples, and never cut to them."""
    for loader in run.of_kind("loader"):
        samples, total = loader.args.get("samples"), loader.args.get("padded_to")
        if not isinstance(samples, int) or not isinstance(total, int) or samples >= total:
            continue
        after = [row for row in run.rows if row.last_at > loader.first_at]
        gathered = [row for row in after if row.kind == "collective" and row.op in _GATHERING and not row.error]
        whole = next((row for row in after if row.kind == "concat" and row.outputs[0].last[:1] == (total,)), None)
        cut = any(
            row.op in ("getitem", "narrow") and samples in [out.last[0] for out in row.outputs if out.last]
            for row in after
        )
        if gathered and whole is not None and not cut:
            return Repeated(loader, samples, total, whole, _gathered_at(run, loader, gathered[0]))
    return None


def counted_twice(run: Run) -> tuple[Row, int, int] | None:
    """(loader, samples, total): right predictions were counted on the batches of a sampler that repeats samples, and added up over the ranks."""
    for loader in run.of_kind("loader"):
        samples, total = loader.args.get("samples"), loader.args.get("padded_to")
        if not isinstance(samples, int) or not isinstance(total, int) or samples >= total:
            continue
        after = [row for row in run.rows if row.last_at > loader.first_at and not row.error]
        counted = {row.id for row in after if row.op == "eq" and any(made.op == "argmax" for made in makers(run, row))}
        added = any(row.op == "sum" and row.inputs[0].origin in counted for row in after if row.inputs)
        reduced = [row for row in after if row.kind == "collective" and row.op == "all_reduce"]
        if added and any(prod(tensor.last) <= _FEW for row in reduced for tensor in row.inputs):
            return loader, samples, total
    return None


def _gathered_at(run: Run, loader: Row, gathered: Row) -> Location | None:
    """The line of the loop over the loader in which what it computed is gathered."""
    loop = run.location(loader)
    for step, site in enumerate(run.chain(gathered)):
        if loop is not None and (site.file, site.function) == (loop.file, loop.function):
            return run.location(gathered, step)
    return run.location(gathered)
