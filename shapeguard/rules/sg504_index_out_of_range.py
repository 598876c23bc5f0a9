"""SG504 index-out-of-range

An index lies beyond the dimension it points into.

## What it is

``gather``, ``scatter``, embeddings and ``x[i]`` take indices from 0 to size - 1.

## Why it goes wrong

A label that marks "ignore" is used as an index, classes are counted from 1, or a table is smaller than the ids it is asked for.

## Example

```python
import torch

labels = torch.tensor([0, 2, 255])
torch.zeros(3, 3).scatter_(1, labels.unsqueeze(1), 1.0)
```

## Use instead

```python
import torch

labels = torch.tensor([0, 2, 255])
known = torch.where(labels == 255, 0, labels)
torch.zeros(3, 3).scatter_(1, known.unsqueeze(1), 1.0)
```
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from shapeguard.analysis.bound_again import bound_again
from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import read_off
from shapeguard.analysis.climb import chain_of_frames, climbs, first_named, named_at
from shapeguard.analysis.contents import FROM_OUTSIDE, brought_in, made_at
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.departures import passed_before
from shapeguard.analysis.distributions import RefusedValue, refused_value
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.lookup import given_as, length_of, of_types
from shapeguard.analysis.models import config_of
from shapeguard.analysis.odd_input import handed_on
from shapeguard.analysis.one_too_large import one_too_large
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import shape_of
from shapeguard.analysis.source import parsed_text
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, TensorArg

_COUNTING_OUT = frozenset({"arange", "randperm"})
_FEW = 4  # ops behind an index among which it was counted out
_OUTSIDE = re.compile(r"index (-?\d+) is out of bounds for dimension \d+ with size (\d+)")
CODE, NAME = "SG504", "index-out-of-range"
_FINDING = frozenset({"nonzero", "argwhere", "where"})
_TAKING = frozenset({"getitem", "index_select", "masked_select"})
_DEFAULT_LABELS = 2  # of a transformers config
_PUTTING = frozenset(
    {"setitem", "masked_fill", "masked_fill_", "fill_", "full", "full_like", "new_full", "where", "index_fill_"}
)


def check(run: Run) -> Iterator[Finding]:
    """A failed lookup whose index is known to lie outside."""
    refused = refused_value(run)
    if refused is not None and not refused.of_shape:
        yield _no_outcome(run, refused)
        return
    crash = crash_of(run)
    if crash is None or crash.clash.kind != "index" or kept_operand(run, crash.failed) is not None:
        return
    if crash.clash.role == "length":
        yield _more_steps_told(run, crash)
        return
    index, size = crash.clash.sizes
    index = _named_by_torch(run, size) or index
    counted = _counted(run, crash) if index == size else None
    handed = handed_on(run) if index < 0 else None  # no table is large enough for it
    table_stated = crash.suspect.how in ("written", "built", "changed") and not (
        of_types(run) or _painted(crash) or _read_off(run, crash)
    )
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` is asked for index {index} of a dimension of {size}: the last one is {size - 1}."
        + (f" The model reckoned it from `{handed.label}`." if handed is not None else ""),
        crash.suspect,
        "A count is one more than the last position: take `count - 1` for the index."
        if counted is not None
        else _fix(run, crash, index),
        location=counted
        or (here(run) if _too_many_asked(run, crash) or (index < 0 and crash.failed.op == "one_hot") else None)
        or bound_again(run, crash.failed)
        or _default_head(run, crash)
        or _not_ignored(run, crash)
        or _counted_on(run, crash)
        or _drawn_for_more(run, crash)
        or _weights_too_few(run, crash)
        or _widened(run, crash)
        or _taken_out(run, crash)
        or _found_elsewhere(run, crash)
        or one_too_large(run, crash, index)
        or _moved(run, crash)
        or (run.birth(handed.origin) if handed is not None else None)
        or (None if table_stated else _computed(run, crash)),
        mismatch=Mismatch("index", (index + 1, size), crash.clash.dim)
        if "mbedding" in crash.failed.op and index == size
        else Mismatch("index", (index, size), crash.clash.dim),
    )  # fmt: skip


def _fix(run: Run, crash: Crash, index: int) -> str:
    """What to do about the index: the number of entries that a table, or a head, would need for it."""
    if crash.family == "loss" and index > 0:
        classes = f"`num_labels={index + 1}`" if run.failed_row("forward") is not None else f"{index + 1} outputs"
        return (
            f"Give the head {classes}, one for every class there is, or number the classes from 0; labels that stand for no class are told "
            "to the loss as `ignore_index`."
        )
    if "mbedding" in crash.failed.op and index > 0:
        return f"Make the table with a row for every id, {index + 1} at least, or bring the ids into range before the lookup."
    return "Bring the indices into range before the lookup (map or mask special labels), or make the table as large as the ids."


def _more_steps_told(run: Run, crash: Crash) -> Finding:
    told, steps = crash.clash.sizes
    lengths = crash.failed.operands.get(crash.clash.left)
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` is told of a row of {told} steps; the scores have {steps}.",
        crash.suspect,
        "Give the lengths that the rows have behind the layers, not those of what went in: reckon them with each layer's "
        "stride as the sizes are, or let the model return them with its scores.",
        location=(run.birth(lengths.origin) if lengths is not None else None) or here(run),
    )  # fmt: skip


def _named_by_torch(run: Run, size: int) -> int | None:
    """The index that the exception names, the first outside; the clash has the largest there is."""
    said = _OUTSIDE.search(run.failure.exception.message) if run.failure is not None else None
    return int(said[1]) if said is not None and int(said[2]) == size else None


def _no_outcome(run: Run, found: RefusedValue) -> Finding:
    number, outcomes = found.sizes
    made = run.birth(found.value.origin)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The distribution has outcomes 0 to {outcomes - 1} and is asked about {number}.",
        location=made or here(run),
        failed_at=run.failed_at,
        operands=(run.operand(found.value),),
        mismatch=Mismatch("index", (number, outcomes)),
        fix=Fix("Make the head with as many outputs as there are actions, or number the actions from 0."),
    )


def _counted(run: Run, crash: Crash) -> Location | None:
    """Where entries were counted whose number is the index."""
    index = crash.failed.operands.get(crash.clash.left)
    row = length_of(run, index) if index is not None else None
    return run.location(row) if row is not None else None


def _too_many_asked(run: Run, crash: Crash) -> bool:
    """Whether more were asked for than there are of a list's entries: the list is as long as it is, and so is a layer's output."""
    last = crash.suspect.side.hops[-1] if crash.suspect.side.hops else None
    listed = last is not None and last.row.op == "stack"
    return crash.failed.op in ("topk", "kthvalue") and (
        listed or (crash.suspect.how == "built" and _asked_less(run, crash))
    )


def _asked_less(run: Run, crash: Crash) -> bool:
    """Whether this place passed before, on as many entries, when it was asked for fewer."""
    row = crash.failed.row
    earlier = passed_before(run, row) if row is not None else None
    return row is not None and earlier is not None and [t.last for t in earlier.inputs] == [t.last for t in row.inputs]


def _default_head(run: Run, crash: Crash) -> Location | None:
    """The config of a library's model with a head for two labels, where nobody said how many there are."""
    call = run.failed_row("forward")
    built = run.row(call.owner) if call is not None else None
    config = config_of(run, built) if built is not None else None
    if crash.family != "loss" or config is None or crash.clash.sizes[1] != _DEFAULT_LABELS:
        return None
    told = {"num_labels", "id2label", "label2id"}
    return (
        None
        if told & set(config.args) or any(name in run.expression(config) for name in told)
        else run.location(config)
    )


def _not_ignored(run: Run, crash: Crash) -> Location | None:
    """Where a loss was built that is not told to ignore the number by which the program itself marks what does not count."""
    index = crash.failed.operands.get(crash.clash.left)
    if crash.family != "loss" or index is None:
        return None
    behind = {row.id for row in ancestors(run, index)}
    for row in reversed(run.rows):
        told = row.op in _PUTTING and crash.clash.sizes[0] in [n for n in row.args.values() if type(n) is int]
        if told and not row.error and (row.id in behind or {tensor.origin for tensor in row.inputs[:1]} & behind):
            built = construct_row(run, crash.failed)
            return run.location(built) if built is not None else here(run)
    return None


def _moved(run: Run, crash: Crash) -> Location | None:
    """Where parts were moved on by a number before they were put one behind the other, as the edges of a batch of graphs are."""
    index, joined = crash.failed.operands.get(crash.clash.left), False
    last = crash.suspect.side.hops[-1] if crash.suspect.side.hops else None
    whole = last is not None and last.row.kind == "concat"  # nobody took entries out of what is looked up
    for row in ancestors(run, index) if index is not None and whole else ():
        joined = joined or row.kind == "concat"
        counts = row.outputs and row.outputs[0].dtype.startswith("int")
        if joined and counts and row.op in ("add", "add_", "iadd") and type(row.args.get("other")) is int:
            return run.location(row)
    return None


def _counted_on(run: Run, crash: Crash) -> Location | None:
    """Where as many indices as there are entries were counted out and then moved on, beyond all of them: by a rank's offset, say."""
    index = crash.failed.operands.get(crash.clash.left)
    for row in islice(ancestors(run, index), _FEW) if index is not None else ():
        counted = run.row(row.inputs[0].origin) if row.inputs else None
        whole = counted is not None and counted.op == "arange" and counted.outputs[0].last == (crash.clash.sizes[1],)
        if whole and row.op in ("add", "add_", "iadd") and type(row.args.get("other")) is int:
            return run.location(row)
    return None


def _drawn_for_more(run: Run, crash: Crash) -> Location | None:
    """Where the positions of more rows were counted out than the data brought: an order drawn for a full batch, say."""
    index = crash.failed.operands.get(crash.clash.left)
    behind = list(islice(ancestors(run, index), _FEW)) if index is not None else []
    row = next((row for row in behind if row.op in _COUNTING_OUT), None)
    told = row is not None and not row.inputs and row.outputs[0].last[0] > crash.clash.sizes[1]
    return run.location(row) if row is not None and told and crash.suspect.how == "data" else None


def _weights_too_few(run: Run, crash: Crash) -> Location | None:
    """Where a weight for each class was written down, for fewer classes than the labels of the data have."""
    table = crash.failed.operands.get(crash.clash.right)
    if table is None or shape_of(table) != (crash.clash.sizes[1],) or not table.dtype.startswith(("float", "bfloat")):
        return None
    hops = follow(run, table, 0)
    made = hops[-1].row if hops else None
    match parsed_text(run.expression(made)) if made is not None and made.op in FROM_OUTSIDE else None:
        case ast.Call(args=[ast.List() | ast.Tuple(), *_]) if made is not None:
            return run.location(made)
    return None


def _widened(run: Run, crash: Crash) -> Location | None:
    """Where the table was made longer on purpose, ``F.pad(scores, (0, extra))``, for indices beyond it: by too few."""
    table = crash.suspect.side if crash.suspect.side.label == crash.clash.right else None
    padded = next((hop.row for hop in table.hops if hop.row.op == "pad"), None) if table is not None else None
    return run.location(padded) if padded is not None else None


def _taken_out(run: Run, crash: Crash) -> Location | None:
    """Where rows were taken out of the table in which the index has a place as it was: nodes of a graph, and not its edges."""
    table = crash.suspect.side if crash.suspect.side.label == crash.clash.right else None
    for hop in table.hops if table is not None else ():
        before = hop.row.inputs[0].last if hop.row.op in _TAKING and hop.row.inputs else ()
        if before and hop.row.outputs[0].last[:1] == (crash.clash.sizes[1],) and before[0] > crash.clash.sizes[0] > 0:
            return (
                run.location(hop.row)
                if hop.after == 0 and "tensor" in str(hop.row.args.get("index", "tensor"))
                else None
            )
    return None


def _found_elsewhere(run: Run, crash: Crash) -> Location | None:
    """Where the tensor got its length in which the places were found that are looked up, if it is longer than the table."""
    index = crash.failed.operands.get(crash.clash.left)
    found = (
        next((row for row in islice(ancestors(run, index), _FEW) if row.op in _FINDING), None)
        if index is not None
        else None
    )
    if found is None or not found.inputs or not found.inputs[0].last or found.inputs[0].last[0] <= crash.clash.sizes[0]:
        return None
    hops = follow(run, found.inputs[0], 0)
    return run.helper_call(hops[-1].row) or run.location(hops[-1].row) if hops else None


def _handed_to_library(run: Run, crash: Crash) -> Location | None:
    """Where the name was given that the user's call handed to a library, which looked it up: ids that are no ids for it."""
    inner, user = run.inner_frame, run.user_frame
    if inner is None or user is None or inner.user:
        return None
    index = next((v for v in inner.operands if v.label == crash.clash.left), None)
    for value in user.operands if index is not None and isinstance(index.value, list) else ():
        same = index is not None and (value.shape, value.value) == (index.shape, index.value)
        born = run.birth(value.origin)
        if not same or not value.expression.isidentifier():
            continue
        for trail in climbs(run.sources, chain_of_frames(run, user), value.expression, whole=True):
            first = trail.spots[1] if len(trail.spots) > 1 else None
            of_it = born is None or any((spot.file, spot.line) == (born.file, born.line) for spot in trail.spots)
            if first is not None and first.kind == "assign" and of_it:
                return run.at(first)
    return None


def _painted(crash: Crash) -> bool:
    """Whether the indices are a mask of pixels with values far beyond the classes: grey values, not numbers of classes."""
    target = dict(crash.failed.call.tensors).get(crash.clash.left, ())
    index, size = crash.clash.sizes
    return crash.family == "loss" and len(target) > 2 and index >= 2 * size


def _read_off(run: Run, crash: Crash) -> bool:
    """Whether the table was laid out for as many as another tensor has, ``zeros(x.size(0))``: it goes by the data."""
    last = crash.suspect.side.hops[-1] if crash.suspect.side.hops else None
    if last is None or crash.suspect.how != "written" or last.row.kind == "construct" or crash.clash.dim != 0:
        return False
    return read_off(run, crash.suspect)


def _computed(run: Run, crash: Crash) -> Location | None:
    """Where the indices were computed."""
    index = crash.failed.operands.get(crash.clash.left)
    if index is None:
        return None
    if _painted(crash):
        taken = next((row for row in ancestors(run, index) if row.op in FROM_OUTSIDE and not row.inputs), None)
        if taken is not None and (where := run.location(taken)) is not None:
            return where  # the picture as it was taken over, sample by sample
        if (turned := made_at(run, index)) is not None:
            return turned  # where its values were made whole numbers
    index = given_as(run, index)
    named = run.user_frame if index.origin is None and not of_types(run) else None
    here_made = named_at(run, named, crash.failed.expression(run, crash.clash.left)) if named is not None else None
    here_made = here_made or _handed_to_library(run, crash)
    listed = _listed(run, index) if of_types(run) else None
    return listed or (made_at(run, index) if of_types(run) else None) or brought_in(run, index) or here_made


def _listed(run: Run, index: TensorArg | NamedValue) -> Location | None:
    """Where the list got its numbers that a tensor was made of in the same function."""
    row = next((row for row in ancestors(run, index) if row.op in FROM_OUTSIDE and not row.inputs), None)
    node = call_of(run.expression(row)) if row is not None else None
    given = node.args[0] if node is not None and node.args else None
    while isinstance(given, ast.List) and len(given.elts) == 1:
        given = given.elts[0]
    if row is None or not isinstance(given, ast.Name):
        return None
    made = first_named(climbs(run.sources, run.chain(row), given, whole=True))
    place = run.location(row)
    return run.at(made) if made is not None and place is not None and made.function == place.function else None
