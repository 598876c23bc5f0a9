"""Layers and choices that take the last dim, or the second one, for the features where a convolution, or a recurrent layer, has others there."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.graph import users_of
from shapeguard.analysis.lineage import RECURRENT
from shapeguard.analysis.normalised import dim_told
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row

_CONVOLUTIONS = ("Conv1d", "Conv2d", "Conv3d")


def chosen_places(run: Run) -> Iterator[tuple[Row, int]]:
    """(argmax, dim) along the places of what a convolution gave, (batch, classes, height, width): the classes stand second."""
    for row in run.of_kind("op"):
        if row.op != "argmax" or row.error or not row.inputs or len(row.inputs[0].last) < 4:
            continue
        told = dim_told(row.args)
        made = run.row(row.inputs[0].origin)
        if made is None or told is None or not _ends_in_convolution(run, made):
            continue
        shape = row.inputs[0].last
        dim = told % len(shape)
        if dim > 1 and shape[1] > 1:
            yield row, dim


def _ends_in_convolution(run: Run, made: Row) -> bool:
    """Whether a layer is a convolution, or a container whose last layer, the thing that was built before it, is one."""
    built = run.row(made.owner)
    last = run.row(built.id - 1) if built is not None and made.op == "Sequential" else built
    return made.kind == "module" and last is not None and last.op in _CONVOLUTIONS


def normed_along_time(run: Run) -> Iterator[Row]:
    """``BatchNorm1d`` of (batch, length, features) that a recurrent layer then reads as such: it took the steps for the channels."""
    for row in run.of_kind("module"):
        if row.op != "BatchNorm1d" or row.error or not row.outputs or len(row.outputs[0].last) != 3:
            continue
        shape = row.outputs[0].last
        for user in users_of(run, row):
            built = run.row(user.owner)
            first = built is not None and built.args.get("batch_first") is True
            reads = user.op in RECURRENT and first and built is not None and built.args.get("input_size") == shape[2]
            if reads and shape[1] != shape[2]:
                yield row
                break


def normed_along_places(run: Run) -> Iterator[Row]:
    """``LayerNorm`` of as many features as a convolution has channels, on its output: it runs along the places, which are as many."""
    for row in run.of_kind("module"):
        made = run.row(row.inputs[0].origin) if row.op == "LayerNorm" and not row.error and row.inputs else None
        if made is None or made.op not in _CONVOLUTIONS or made.kind != "module":
            continue
        shape = row.inputs[0].last
        if len(shape) > 2 and shape[1] == shape[-1] > 1:
            yield row
