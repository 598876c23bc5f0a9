"""Where a tensor got or lost a dimension."""

from __future__ import annotations

import ast
import re
from math import prod
from typing import NamedTuple

from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.contents import FROM_OUTSIDE, loader_of, made_outside
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import MAX_STEPS, Hop
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import taken_apart
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, NamedValue, Row, TensorArg

_ASKS_FOR_ONE = (
    "cannot be converted to Scalar",
    "Boolean value of Tensor with more than one",
    "only one element tensors can be converted",
    "only integer tensors of a single element",
)
_SUMS = frozenset({"add", "sub", "add_", "sub_", "iadd", "isub", "rsub"})
_SCALED = frozenset({"mul", "div", "truediv", "neg"})
_NEAR = 24  # how many ops back a squeeze still counts

# Ops that change the number of dims by what they are told, rather than computing something new.
_CHANGERS = frozenset(
    {"squeeze", "squeeze_", "unsqueeze", "unsqueeze_", "getitem", "select", "flatten", "view", "reshape", "unbind", "argmax",
     "argmin", "sum", "mean", "max", "min", "amax", "amin", "any", "all", "prod", "norm", "diagonal", "chunk", "stack"}
)  # fmt: skip


def changes_rank(row: Row) -> bool:
    """Whether an event gave its first operand another number of dims, as it was told to."""
    told = row.op in _CHANGERS and bool(row.inputs) and bool(row.outputs)
    return told and len(row.inputs[0].last) != len(row.outputs[0].last)


def bare_squeeze(run: Run, tensor: TensorArg | NamedValue) -> Location | None:
    """The ``squeeze()`` behind a tensor that was not told which dim to drop: what it drops depends on the data."""
    for row in list(ancestors(run, tensor))[:_NEAR]:
        if row.op in ("squeeze", "squeeze_") and "dim" not in row.args:
            return run.location(row)
        if row.op in FROM_OUTSIDE and not row.inputs:
            made = made_outside(run, row)
            return made if made is not None and ".squeeze()" in made.source else None
    return None


_CACHE = re.compile(r"cache|past|\bkv\b", re.IGNORECASE)


def handed_in(run: Run, frame: FrameInfo, expression: str) -> Location | None:
    """The call that handed a value in which the function of a frame uses as it came; None where it made it itself."""
    trails = climbs(run.sources, chain_of_frames(run, frame), expression, whole=True)
    found = None
    for spot in trails[0].spots[1:] if trails else ():
        if spot.kind != "argument" or spot.depth < 0:
            break
        found = spot
    return run.at(found) if found is not None else None


def rank_changes(run: Run, tensor: TensorArg | NamedValue) -> list[Hop]:
    """The events behind a tensor, newest first, up to the first that changed its number of dims; none where none did."""
    origin = tensor.origin
    hops: list[Hop] = []
    while origin is not None and len(hops) < MAX_STEPS:
        row = run.row(origin)
        if row is None or not row.inputs or not row.outputs:
            return []
        source, after = row.inputs[0], row.outputs[0].last
        if row.op == "stack" and loader_of(run, row) is not None:  # the axis of the batch, which all its samples get
            origin = source.origin
            continue
        if row.op in ("Embedding", "embedding"):  # a dim of features behind those of the ids
            given = next((tensor for tensor in row.inputs if tensor.label == "input"), source)
            hops.append(Hop(row, given, None, 0, len(after), len(after)))
            origin = given.origin
            continue
        if changes_rank(row):
            hops.append(Hop(row, source, None, 0, len(source.last), len(after)))
            return hops
        if len(source.last) != len(after):
            return []
        hops.append(Hop(row, source, None, 0, len(after), len(after)))
        origin = source.origin
    return []


def carried_round(run: Run, frame: FrameInfo, name: str) -> Location | None:
    """Where a loop sets a name for its next round, after the line that is running now; None where it sets it twice, or not."""
    source = run.sources[frame.file]
    found = set()
    for loop in ast.walk(source.function_at(frame.line) or source.tree or ast.Pass()):
        if not isinstance(loop, ast.For | ast.While) or not loop.lineno <= frame.line <= (loop.end_lineno or 0):
            continue
        for node in ast.walk(loop):
            sets = isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets)
            if sets and isinstance(node, ast.Assign) and node.lineno > frame.line:
                found.add(node.lineno)
    return run.place(frame.file, found.pop(), frame.function) if len(found) == 1 else None


_PIECES = frozenset({"chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk"})


class Unpacked(NamedTuple):
    """A tensor whose shape, or which itself, was taken apart into another number of names: (names, dims or rows)."""

    value: NamedValue
    of_shape: bool
    sizes: tuple[int, int]


def asked_for_one(run: Run) -> NamedValue | None:
    """The tensor of several entries that was asked for one number, or whether it is true."""
    frame, failure = run.user_frame, run.failure
    if frame is None or failure is None:
        return None
    message = failure.exception.message
    if "can be implicitly created only for scalar outputs" in message and frame.op == "backward":
        return next((value for value in frame.operands if value.shape is not None and prod(value.shape) > 1), None)
    if frame is not run.inner_frame:
        return None
    if not any(said in message for said in _ASKS_FOR_ONE):
        return None
    several = [value for value in frame.operands if value.shape is not None and prod(value.shape) > 1]
    statement = run.sources[frame.file].statement(frame.line)
    text = ast.unparse(statement) if statement is not None else ""
    named = [v for v in frame.locals if v.shape is not None and prod(v.shape) > 1 and v.expression in text]
    return next(iter(several or named), None)


def asked_beyond(run: Run) -> tuple[NamedValue, int] | None:
    """(tensor, dim) where the size was asked of a dim that a tensor does not have: ``ids.size(1)`` of one row of ids."""
    frame, failure = run.user_frame, run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "IndexError":
        return None
    told = {value.label: value.value for value in frame.operands if type(value.value) is int}
    given = next((value for value in frame.operands if value.shape is not None), None)
    dim = next((number for number in told.values() if type(number) is int), None)
    if (
        frame.op != "size"
        or given is None
        or given.shape is None
        or dim is None
        or -len(given.shape) <= dim < len(given.shape)
    ):
        return None
    return given, dim


def term_of_several(run: Run, value: NamedValue) -> Row | None:
    """The op of the one term of a sum, ``reconstruction + divergence``, that has several entries where the others are numbers."""
    row, shape, found = run.row(value.origin), value.shape, None
    while row is not None and row.kind == "op" and row.outputs and row.outputs[0].last == shape and row is not found:
        found = row
        whole = [tensor for tensor in row.inputs if tensor.last == shape]
        if len(whole) > 1 and run.user_frame is not None and run.location(row) == run.statement_of(run.user_frame):
            whole = whole[-1:]  # the terms are added up where they are asked for
        if len(whole) != 1 or any(tensor.last not in (shape, ()) for tensor in row.inputs):
            break
        if len(row.inputs) > 1 and row.op not in _SUMS:
            break  # a number divided by several
        term = run.row(whole[0].origin)
        if len(row.inputs) > 1:
            statement = run.location(row)
            while term is not None and run.location(term) == statement and term.op in _SCALED and len(term.inputs) == 1:
                term = run.row(term.inputs[0].origin)
            if term is not None and run.location(term) == statement:
                return term  # reckoned in the very sum
        row = term
    return found


def unpacked_result(run: Run) -> tuple[str, int, int] | None:
    """(call, names, results) of a call whose pieces were taken apart into more or fewer names than there are."""
    frame, failure = run.user_frame, run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "ValueError":
        return None
    taken = taken_apart(run.sources[frame.file].statement(frame.line))
    if taken is None or not isinstance(taken[1], ast.Call):
        return None
    names, text = taken[0], ast.unparse(taken[1])
    for row in reversed(run.rows):
        place = run.location(row)
        if row.error or row.op not in _PIECES or place is None or (place.file, place.line) != (frame.file, frame.line):
            continue
        return (text, names, len(row.outputs)) if len(row.outputs) != names else None
    return None


def unpaired_cache(run: Run) -> Unpacked | None:
    """A cache that was taken apart into keys and values, and is one tensor."""
    found = unpacked_sizes(run)
    pair = found is not None and not found.of_shape and found.sizes[0] == 2
    return found if found is not None and pair and _CACHE.search(found.value.expression) else None


def unpacked_sizes(run: Run) -> Unpacked | None:
    """The failure as ``batch, seq = ids.shape`` of a tensor with another number of dims, or ``src, dst = edges`` of other rows."""
    frame, failure = run.user_frame, run.failure
    if frame is None or frame is not run.inner_frame or failure is None or failure.exception.type != "ValueError":
        return None
    taken = taken_apart(run.sources[frame.file].statement(frame.line))
    if taken is None:
        return None
    names, text = taken[0], ast.unparse(taken[1])
    for value in (*frame.operands, *frame.locals):
        shape = value.shape
        if shape is None or value.expression not in (text, text.removesuffix(".shape"), text.removesuffix(".size()")):
            continue
        of_shape = value.expression != text
        got = len(shape) if of_shape else shape[0] if shape else 0
        if got != names:
            return Unpacked(value, of_shape, (names, got))
    return None
