"""SG506 rank-mismatch

An operation or layer wants another number of dimensions.

## What it is

``Conv2d`` takes (batch, channel, height, width), ``gather`` an index with as many dimensions as its input, ``bmm`` three
dimensions on both sides.

## Why it goes wrong

A batch dimension is missing or was squeezed away, or labels come as a vector where a column is wanted. Several entries are
asked for one number (``item()``, ``if``), or pieces are taken apart into more or fewer names. Items that
were tokenized with ``return_tensors="pt"`` bring a batch axis of their own into the collation.

## Example

```python
import torch

values = torch.randn(16, 3)
actions = torch.randint(0, 3, (16,))
values.gather(1, actions)
```

## Use instead

```python
import torch

values = torch.randn(16, 3)
actions = torch.randint(0, 3, (16,))
values.gather(1, actions.unsqueeze(1))
```
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.caches import named
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.columns import meetings
from shapeguard.analysis.crash import Crash, crash_of, lacks_channel, stacked
from shapeguard.analysis.departures import unbatched_call
from shapeguard.analysis.encodings import WholeEncoding, given_whole, is_template, listed
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.odd_ranks import bare_index, deepened, handed_as_it_is, looked_up_for_all, of_no_entries
from shapeguard.analysis.presets import class_chosen
from shapeguard.analysis.rank_departures import rank_departed
from shapeguard.analysis.ranks import (
    Unpacked,
    asked_beyond,
    asked_for_one,
    bare_squeeze,
    carried_round,
    handed_in,
    rank_changes,
    term_of_several,
    unpacked_result,
    unpacked_sizes,
    unpaired_cache,
)
from shapeguard.analysis.refused import AXES, odd_rank
from shapeguard.analysis.run import Run
from shapeguard.rules.clash_finding import clash_finding, here
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, OperandView, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG506", "rank-mismatch"


def check(run: Run) -> Iterator[Finding]:
    """A failed op, other than a concatenation or a loss, whose operand has the wrong number of dimensions."""
    if any(found.ends_in == "crash" for found in meetings(run)):
        return  # a table of all pairs, where a value a row was meant
    if (whole := given_whole(run)) is not None:
        if not is_template(whole.made):
            yield _of_encoding(run, whole)
        return
    extra = _extra_axis(run)
    if extra is not None:
        yield extra
        return
    if (odd := odd_rank(run)) is not None:
        yield _of_model(run, *odd)
        return
    if unpaired_cache(run) is not None:
        return
    if (unpacked := unpacked_sizes(run)) is not None:
        yield _unpacked(run, unpacked)
        return
    if (several := asked_for_one(run)) is not None:
        yield _of_several(run, several)
        return
    if (beyond := asked_beyond(run)) is not None:
        yield _beyond(run, *beyond)
        return
    if (pieces := unpacked_result(run)) is not None:
        yield _pieces(run, *pieces)
        return
    if (alone := unbatched_call(run)) is not None:
        yield _unbatched(run, *alone)
        return
    crash = crash_of(run)
    channel = crash is not None and lacks_channel(run, crash)
    if crash is None or not (channel or crash.clash.kind == "rank") or crash.family in ("concat", "loss", "state_dict"):
        return
    line = (_sample(run, crash) if channel else None) or _squeezed(run, crash) or _wrong_layer(run, crash)
    line = line or (rank_departed(run, crash.failed.row) if crash.failed.row is not None else None)
    line = line or of_no_entries(run, crash) or deepened(run, crash)
    line = line or looked_up_for_all(run, crash)
    line = line or (None if bare_index(crash) or crash.failed.op == "getitem" else handed_as_it_is(run, crash))
    shapes = ", ".join(format_shape(shape) for _, shape in crash.failed.call.tensors[:3])
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` of {shapes}: "
        + ("the input has no axis for channels, and its rows are taken for channels." if channel else f"{crash.clash.text}."),
        crash.suspect,
        (
            "Give the images their channel: `x.unsqueeze(1)` for the batch, `image.unsqueeze(0)` in the data set." if dict(crash.failed.call.tensors)["weight"][1] == 1 else
            "Give each image an axis of channels, as many as the layer was built for: `image.unsqueeze(0).expand(channels, -1, -1)`."
        ) if channel else
        "Add the missing dimension (`unsqueeze(dim)`), or keep it where it was lost (`squeeze(dim)` with the dim named, `keepdim=True`).",
        location=line or here(run),
    )  # fmt: skip


def _of_encoding(run: Run, whole: WholeEncoding) -> Finding:
    """A tokenizer's whole result where its ids are wanted."""
    name = whole.value.expression
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{name}` is the tokenizer's whole result, a dictionary of {listed(whole.made)}, and a tensor is wanted here.",
        location=here(run),
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in whole.made.outputs),
        fix=Fix(
            f"Hand its tensors on by their names, the mask with the ids: `(**{name})`; or take the ids: `{name}.input_ids`."
            if whole.made.outputs
            else f"Take the ids of it: `{name}.input_ids`."
        ),
    )


def _sample(run: Run, crash: Crash) -> Location | None:
    """The user's line that made a sample without channels, in a data set of its own or for a layer that was built for several."""
    row = stacked(run, crash)
    made = run.row(row.inputs[0].origin) if row is not None and row.inputs else None
    if made is None:
        return None
    several = dict(crash.failed.call.tensors)["weight"][1] > 1
    return run.location(made) if several or run.chain(made)[0].function.endswith("__getitem__") else None


def _of_model(run: Run, given: TensorArg, wanted: int) -> Finding:
    """A model's input with fewer or more dims than the model takes apart."""
    axes = AXES.get(given.label, ())
    taken = f"({', '.join(axes)})" if len(axes) == wanted else f"{wanted} dims"
    changed = rank_changes(run, given)
    frame = run.user_frame
    named = next((v for v in frame.operands if v.shape == given.last), None) if frame is not None else None
    handed = handed_in(run, frame, named.expression) if frame is not None and named is not None else None
    fewer = len(given.last) < wanted
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The model takes `{given.label}` as {taken} and is given {format_shape(given.last)}.",
        location=(run.location(changed[-1].row) if changed else None) or handed or here(run),
        failed_at=run.failed_at,
        operands=(run.tensor(given),),
        mismatch=Mismatch("rank", (len(given.last), wanted)),
        fix=Fix(
            "Put the single sample into a batch of one: `.unsqueeze(0)`, or keep the batch where it was taken off."
            if fewer
            else "Drop the axis that is one too many (`.squeeze(1)`), or merge it into the batch (`.flatten(0, 1)`)."
        ),
    )


def _unpacked(run: Run, found: Unpacked) -> Finding:
    """A shape, or a tensor, that was taken apart into more or fewer names than it has dims, or rows."""
    value, (names, got) = found.value, found.sizes
    shape = format_shape(value.shape or ())
    changed = rank_changes(run, value)
    frame = run.user_frame
    handed = handed_in(run, frame, value.expression) if frame is not None else None
    what = "dims" if found.of_shape else "rows"
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{value.expression}` {shape} has {got} {what} and is taken apart into {names} names.",
        location=(run.location(changed[-1].row) if changed and found.of_shape else None) or handed or here(run),
        failed_at=run.failed_at,
        operands=(OperandView("", value.expression, value.shape or ()),),
        mismatch=Mismatch("rank" if found.of_shape else "dim", (names, got), None if found.of_shape else 0),
        fix=Fix(
            "Give it the dims that are read: add the one that is missing (`unsqueeze`), or keep it where it was lost."
            if found.of_shape
            else "Lay it out so that its first dim is what is taken apart: a transposed one wants `.t()`."
        ),
    )


def _of_several(run: Run, value: NamedValue) -> Finding:
    """A tensor of several entries where one is wanted."""
    shape = value.shape or ()
    changed = rank_changes(run, value)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{value.expression}` {format_shape(shape)} has {prod(shape)} entries, and this line wants one number of it.",
        location=_made_so(run, value)
        or _not_reduced(run, value)
        or (run.location(changed[-1].row) if changed else None)
        or here(run),
        failed_at=run.failed_at,
        operands=(run.operand(value),),
        mismatch=Mismatch("count", (prod(shape), 1)),
        fix=Fix(
            "Reduce it first: `.mean()` or `.sum()` for a number, `.any()` or `.all()` for a decision; of a list take each entry."
        ),
    )


def _beyond(run: Run, value: NamedValue, dim: int) -> Finding:
    """A size that was asked for of a dim which the tensor does not have."""
    shape, frame = value.shape or (), run.user_frame
    changed = rank_changes(run, value)
    named = named_at(run, frame, value.expression) if frame is not None and value.expression.isidentifier() else None
    handed = handed_in(run, frame, value.expression) if frame is not None else None
    round_ = carried_round(run, frame, value.expression) if frame is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{value.expression}` {format_shape(shape)} has {len(shape)} dims, and this line asks for the size of dim {dim}.",
        location=round_
        or (run.location(changed[-1].row) if changed else None)
        or handed
        or named
        or run.birth(value.origin)
        or here(run),
        failed_at=run.failed_at,
        operands=(run.operand(value),),
        mismatch=Mismatch("rank", (len(shape), dim + 1)),
        fix=Fix(
            "Keep the dim where it was lost (`keepdim=True`, `x[:, -1:]`), or put it back (`unsqueeze(dim)`): a single row is a batch of one."
        ),
    )


def _made_so(run: Run, value: NamedValue) -> Location | None:
    """Where the failing function gave the tensor its name, or, of an expression, the failing statement: there it is to be reduced."""
    frame = run.user_frame
    if frame is None or frame.op == "backward":
        return None
    if not value.expression.isidentifier():
        return here(run) if "(" in value.expression else None
    place = named_at(run, frame, value.expression)
    return place if place is not None and place != here(run) else None


def _not_reduced(run: Run, value: NamedValue) -> Location | None:
    """Where the losses got their name, one for each entry, of which gradients are asked; the term of them that was not reduced."""
    frame = run.user_frame
    if frame is None or frame.op != "backward":
        return None
    term = term_of_several(run, value)
    named = named_at(run, frame, value.expression) if value.expression.isidentifier() else None
    return (run.location(term) if term is not None else None) or named


def _pieces(run: Run, call: str, names: int, results: int) -> Finding:
    """A tensor that was cut into more or fewer pieces than are named."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{call}` gives {results} pieces, and they are taken apart into {names} names.",
        location=here(run),
        failed_at=run.failed_at,
        mismatch=Mismatch("count", (names, results)),
        fix=Fix("Cut into as many pieces as are named; `chunk` gives fewer than asked for where the dim has fewer."),
    )


def _unbatched(run: Run, row: Row, call: Location) -> Finding:
    given = row.inputs[0].last
    failed = failed_op(run)
    clash = failed.clash if failed is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{row.op}` is given {format_shape(given)} here, and a batch of such in its other calls: the axis of the batch is missing.",
        location=call,
        failed_at=run.failed_at,
        operands=(run.tensor(row.inputs[0]),),
        mismatch=Mismatch("dim", clash.sizes, clash.dim)
        if clash is not None and clash.kind == "dim"
        else Mismatch("rank", (len(given), len(given) + 1)),
        fix=Fix("Put the single sample into a batch of one: `sample.unsqueeze(0)`."),
    )


def _extra_axis(run: Run) -> Finding | None:
    """A failed model whose ids have an axis of 1 between rows and positions: each item brought a batch of its own."""
    row = run.failed_row("forward", "generate")
    ids = (inputs_of(row) or named(row, "input_values")) if row is not None else None
    if row is None or ids is None or len(ids.last) != 3 or ids.last[1] != 1:
        return None
    recording = ids.label == "input_values"
    source = next((made for made in ancestors(run, ids) if made.kind == ("concat" if recording else "tokenizer")), None)
    if source is None and not recording:
        item = ids.last[1:]
        source = next(
            (r for r in reversed([*run.of_kind("op")]) if not r.inputs and r.outputs and r.outputs[0].last == item),
            None,
        )
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{row.op} takes `{ids.label}` as (batch, seq) and is given {format_shape(ids.last)}: each item has an axis of 1 of its "
        "own, and the collation put another in front of it.",
        location=run.location(source) if source is not None else here(run),
        failed_at=run.failed_at,
        operands=(run.tensor(ids),),
        # The model adds an axis of channels of its own to a recording before it meets the convolution.
        mismatch=Mismatch("rank", (4, 3) if recording else (3, 2)),
        fix=Fix(
            "Drop each recording's axis of channels before they are stacked: `waveform.squeeze(0)`."
            if recording
            else 'Tokenize single items without `return_tensors="pt"`, or drop the axis: `value.squeeze(0)`.'
        ),
    )


def _wrong_layer(run: Run, crash: Crash) -> Location | None:
    """Where a normalization was built that wants other dimensions than its place in the model has: 2d for 1d, say.

    Of a layer whose class was chosen by a number of dims it is where that number is written.
    """
    built = run.row(crash.failed.row.owner) if crash.failed.row is not None else None
    if built is None or built.kind != "construct" or crash.family not in ("norm", "conv", "pool"):
        return None
    return class_chosen(run, built) or (run.location(built) if crash.family == "norm" else None)


def _squeezed(run: Run, crash: Crash) -> Location | None:
    """The event in which an operand of the clash lost a dimension without being told which."""
    values = [crash.failed.operands.get(label) for label in (crash.clash.left, crash.clash.right)]
    outer = [tensor for row in run.failed_rows if row.kind == "module" for tensor in row.inputs]
    return next((line for value in [*values, *outer] if value is not None and (line := bare_squeeze(run, value))), None)
