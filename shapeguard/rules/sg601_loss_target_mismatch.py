"""SG601 loss-target-mismatch

Prediction and target of a loss differ in shape or batch.

## What it is

``cross_entropy`` takes (batch, classes) and (batch,); elementwise losses take two tensors of one shape.

## Why it goes wrong

A reshape folded time or space into the batch, the target was not shifted with the input, or one side was flattened. A loss that
compares number with number is given the number of a class. And a causal model whose targets are the very ids that went in
learns to repeat them: nothing crashes, the loss is very small, and the text it writes is one word.

## Example

```python
import torch
from torch import nn

clips = torch.randn(4, 2, 8)
labels = torch.randint(0, 5, (4,))
logits = nn.Linear(8, 5)(clips.view(-1, 8))
nn.functional.cross_entropy(logits, labels)
```

## Use instead

```python
import torch
from torch import nn

clips = torch.randn(4, 2, 8)
labels = torch.randint(0, 5, (4,))
logits = nn.Linear(8, 5)(clips).mean(dim=1)
nn.functional.cross_entropy(logits, labels)
```
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import prod

from shapeguard.analysis.caches import named
from shapeguard.analysis.contents import FROM_OUTSIDE, made_outside
from shapeguard.analysis.crash import Crash, crash_of
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.kept import kept_operand
from shapeguard.analysis.missing_axis import spread_out
from shapeguard.analysis.odd_input import OddInput, entry_of, lengthened, odd_input
from shapeguard.analysis.run import Run
from shapeguard.analysis.shuffled import crossed_targets
from shapeguard.analysis.sides import shape_of
from shapeguard.analysis.targets import (
    column_made,
    last_kept,
    left_in_rows,
    not_pooled,
    not_shifted,
    prepared,
    sliced_list,
)
from shapeguard.analysis.unshifted import Unshifted, unshifted
from shapeguard.rules.base import once
from shapeguard.rules.clash_finding import both_sizes, clash_finding, here, operands_text
from shapeguard.rules.loss_broadcast import broadcast_losses
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row, TensorArg
from shapeguard.values.shapes import format_shape

_PLACES = 2  # from this dim on a map has places, (batch, channels, height, width)
CODE, NAME = "SG601", "loss-target-mismatch"
_PAIRED = frozenset({"pixel_values", "input_features", "input_values"})
_REGRESSION = ("mse", "l1", "smooth", "huber", "binary", "bce")
_NEAR = 6  # ops between the scores and where their targets are looked up
_FIX_INDICES = "Use `cross_entropy`, which takes the number of the class, or make the target one-hot: `F.one_hot(target, classes).float()`."
_MULTI_LABEL = (
    'Where a row has several labels, give them as floats, `labels.float()`, and say so: `problem_type="multi_label_classification"`; '
    "whole numbers are taken for the number of one class a row."
)
_TARGETS = frozenset({"labels", "decoder_input_ids"})


def check(run: Run) -> Iterator[Finding]:
    """A failed loss, or one that ran and compared every prediction with every target."""
    yield from broadcast_losses(run, CODE, NAME)
    yield from once(_crossed(run, *crossed) for crossed in crossed_targets(run))
    yield from once(_unshifted(run, found) for found in unshifted(run))
    crash = crash_of(run)
    if crash is None:
        return
    if crash.failed.op == "TensorDataset":
        yield _dataset(run, crash)
        return
    per_row = _answers_rows(run, crash)
    if per_row is not None:
        yield per_row
        return
    odd = odd_input(run, crash.clash.sizes, _TARGETS) if crash.family in ("loss", "attention") else None
    if odd is not None:
        yield _given_apart(run, crash, odd)
        return
    if (unpaired := _unpaired(run, crash)) is not None:
        yield _given_apart(run, crash, unpaired)
        return
    if not _is_loss(run, crash) or crash.frozen is not None or crash.clash.kind == "index":
        return
    if kept_operand(run, crash.failed) is not None:
        return
    if _lacks_columns(crash):
        yield _one_column(run, crash)
        return
    classes_last, indices = _classes_last(crash), _indices(crash)
    yield clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` compares {operands_text(run, crash.failed)}: {both_sizes(crash.clash)}."
        + (" The classes stand last; they belong in dim 1." if classes_last else "")
        + (" The target holds a class for each row, the loss compares number with number." if indices else ""),
        crash.suspect,
        "Put the classes in dim 1 (`logits.transpose(1, -1)`), or flatten both: `logits.flatten(0, -2)` and `target.flatten()`."
        if classes_last else _FIX_INDICES if indices else _MULTI_LABEL if _of_several_labels(run, crash) else _fix(run, crash),
        location=here(run) if classes_last or indices or _rows_first(crash) or left_in_rows(crash) else _spread_out(run, crash) or column_made(run, crash) or last_kept(run, crash) or not_shifted(run, crash) or _weighed(run, crash) or not_pooled(run, crash) or _item_made(run, crash) or prepared(run, crash) or sliced_list(run, crash) or _labels_given(run, crash),
    )  # fmt: skip


def _spread_out(run: Run, crash: Crash) -> Location | None:
    """Where one side became a table of each row with each."""
    given = [value for value in crash.failed.operands.values() if len(shape_of(value) or ()) > 1]
    return next((place for value in given if (place := spread_out(run, value)) is not None), None)


def _is_loss(run: Run, crash: Crash) -> bool:
    """Whether it is a loss, or the lookup of the targets' log-probabilities in one by hand."""
    scores = crash.failed.operands.get("input") if crash.failed.op == "gather" and crash.clash.kind == "dim" else None
    near = islice(ancestors(run, scores), _NEAR) if scores is not None else ()
    return crash.family == "loss" or any(row.op in ("log_softmax", "softmax", "logsumexp") for row in near)


def _indices(crash: Crash) -> bool:
    """Whether a loss that compares number with number was given a score for each class and the class's number as the target."""
    given, target = (crash.failed.operands.get(label) for label in ("input", "target"))
    scores, classes = shape_of(given) or (), shape_of(target) or ()
    whole = target is not None and target.dtype.startswith("int") and crash.failed.op.lower().startswith(_REGRESSION)
    return whole and len(scores) == len(classes) + 1 > 1 and scores[: len(classes)] == classes and scores[-1] > 1


def _rows_first(crash: Crash) -> bool:
    """Whether a CTC loss was given the rows first where it takes the steps: (batch, steps, classes)."""
    shapes = dict(crash.failed.call.tensors)
    given, lengths = shapes.get("log_probs", ()), shapes.get("input_lengths", ())
    return len(given) == 3 and lengths[:1] == given[:1] and given[0] != given[1]


def _crossed(run: Run, row: Row, prediction: TensorArg, target: TensorArg) -> Finding:
    """A loss that pairs each prediction with another's target, because one of them was transposed before both were flattened."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Prediction {format_shape(prediction.last)} and target {format_shape(target.last)} are flattened with their first two dims "
        "in another order: each prediction is compared with another one's target.",
        location=run.location(row),
        operands=(run.tensor(prediction), run.tensor(target)),
        mismatch=Mismatch("dim", (prediction.last[0], target.last[0]), 0),
        fix=Fix("Flatten both in one order: leave the transposition out, or transpose the prediction, too."),
    )


def _unshifted(run: Run, found: Unshifted) -> Finding:
    """A causal model that is taught to repeat the token it sees."""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The loss compares the predictions of a causal model with the very ids that went in, {format_shape(found.ids.last)}: what it "
        "says at a position is its guess at the next token, so that it learns to repeat the one it sees.",
        location=run.location(found.copy or found.loss),
        operands=(run.tensor(found.ids),),
        fix=Fix(
            "Compare with the tokens after them: `logits[:, :-1]` with `ids[:, 1:]`, or targets that begin one place later."
        ),
    )


def _answers_rows(run: Run, crash: Crash) -> Finding | None:
    """A label for each token, given to a model that has one answer a row."""
    call = run.failed_row("forward")
    ids, labels = (named(call, name) for name in ("input_ids", "labels")) if call is not None else (None, None)
    built = run.row(call.owner) if call is not None else None
    if (
        call is None
        or ids is None
        or labels is None
        or len(labels.last) != 2
        or labels.last != ids.last
        or built is None
    ):
        return None
    if crash.family != "loss" or crash.clash.sizes != (ids.last[0], ids.last[0] * ids.last[1]):
        return None
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"{call.op} has one answer for each of {ids.last[0]} rows, and `labels` {format_shape(labels.last)} has one for each token.",
        crash.suspect,
        "Use the class with a head for tokens (`...ForTokenClassification`), or one label a row.",
        location=run.location(built),
    )  # fmt: skip


def _lacks_columns(crash: Crash) -> bool:
    """Whether a target has one column, the number of a class, where the loss wants a column for each class."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    elementwise = crash.failed.op.startswith(("binary_cross", "BCE", "multilabel"))
    if len(shapes) != 2 or not elementwise or len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < 2:
        return False
    given, target = shapes
    return given[0] == target[0] and given[1] > 1 == target[1] and given[2:] == target[2:]


def _one_column(run: Run, crash: Crash) -> Finding:
    given = crash.failed.call.tensors[0][1]
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`{crash.failed.op}` compares {operands_text(run, crash.failed)}: it wants a column for each of {given[1]} classes, and the "
        "target has one.",
        crash.suspect,
        "Make the target multi-hot, (batch, classes) of 0 and 1 (`one_hot`, or 1 at the places of the labels); for one class each "
        "use `cross_entropy` with the numbers, or a head with one output.",
        location=here(run),
    )  # fmt: skip


def _unpaired(run: Run, crash: Crash) -> OddInput | None:
    """Texts and images of which there is not one for each: a contrastive loss numbers the ones and looks among the others."""
    index, size = crash.clash.sizes
    if crash.family != "loss" or crash.clash.kind != "index":
        return None
    return odd_input(run, (index + 1, size), _PAIRED)


def _given_apart(run: Run, crash: Crash, found: OddInput) -> Finding:
    """Targets of other rows or positions than the inputs, found out in a model's own loss, or in its decoder."""
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"{found.told}; inside, `{crash.failed.op}` compares {both_sizes(crash.clash)}.",
        crash.suspect,
        f"Give `{found.odd.label}` the {found.counted} of `{found.leading.label}`: what is put before or behind the inputs gets "
        "-100 there, and rows that are dropped are dropped from both.",
        location=(entry_of(run, found.odd.label, run.failed_row("forward")) if lengthened(run, found) else found.location) or here(run),
    )  # fmt: skip


def _dataset(run: Run, crash: Crash) -> Finding:
    return clash_finding(
        run, crash.failed, CODE, NAME,
        f"`TensorDataset` of {operands_text(run, crash.failed)}: {both_sizes(crash.clash)} samples.",
        crash.suspect,
        "Cut both out of the data with the same bounds, so that there is one target for each sample.",
    )  # fmt: skip


def _labels_given(run: Run, crash: Crash) -> Location | None:
    """Where labels were made that a library's model took its loss of, where it scores a number of places that is its own."""
    call, inner = run.failed_row("forward"), run.inner_frame
    labels = next((tensor for tensor in call.inputs if tensor.label == "labels"), None) if call is not None else None
    if (
        labels is None
        or inner is None
        or inner.user
        or len(labels.last) != 2
        or crash.clash.sizes[1] != prod(labels.last)
    ):
        return None
    row = run.row(labels.origin)
    if row is not None and row.kind in ("concat", "loader"):  # as a sample has them
        return run.location(
            next((made for made in ancestors(run, labels) if made.op in FROM_OUTSIDE and not made.inputs), row)
        )
    made = made_outside(run, row, padded=True) if row is not None and row.op in FROM_OUTSIDE else None
    return made or (run.location(row) if row is not None else None)


def _of_several_labels(run: Run, crash: Crash) -> bool:
    """Whether a library's model was given, for each row, a 0 or 1 for each of its labels, as whole numbers."""
    call = run.failed_row("forward")
    labels = next((tensor for tensor in call.inputs if tensor.label == "labels"), None) if call is not None else None
    scores = crash.failed.call.tensors[0][1] if crash.failed.call.tensors else ()
    return labels is not None and labels.last == scores and len(scores) == _PLACES and labels.dtype.startswith("int")


def _fix(run: Run, crash: Crash) -> str:
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    if len(shapes) == 2 and (crash.clash.kind == "rank" or shapes[0] == (*shapes[1], 1)):
        given, target = shapes
        if given == target:
            return "The target is one-hot: give the numbers of the classes, `target.argmax(1)`, or probabilities, `target.float()`."
        for dim in (dim for dim, size in enumerate(target) if size == 1 and len(target) > len(given) - 1 > 0):
            if (*given[:1], *given[2:]) == target[:dim] + target[dim + 1 :]:
                return f"The target has an axis too many: `target.squeeze({dim})`."
        if len(given) == len(target) + 1 and given[-1] == 1:
            names = [crash.failed.expression(run, label) or label for label, _ in crash.failed.call.tensors[:2]]
            return f"Give both one shape: `{names[0]}.squeeze(-1)`, or `{names[1]}.unsqueeze(-1)`."
    if crash.clash.kind == "dim" and (crash.clash.dim or 0) >= _PLACES and len(set(map(len, shapes))) == 1:
        if shapes[0][crash.clash.dim or 0] < shapes[1][crash.clash.dim or 0] and _enlarges(run):
            return (
                "Where the size was odd before it was halved, an enlarging layer gives one less: `output_padding=1` in the "
                "`ConvTranspose` layers, or bring the result to the target's size (`F.interpolate`)."
            )
        return "Give prediction and target the same height, width or length: mend the step that changed it for one of them, or bring the target to the prediction's (`F.interpolate`)."
    return "Give prediction and target the same rows in the same order: mend the step that changed the number of rows of one of them."


def _enlarges(run: Run) -> bool:
    """Whether the model enlarges by layers of a stride that were not told what is to be added at the end."""
    layers = [row.args for row in run.of_kind("construct") if row.op.startswith("ConvTranspose")]
    return any(_numbers(told.get("stride")) != {1} and _numbers(told.get("output_padding")) == {0} for told in layers)


def _numbers(told: object) -> set[object]:
    return set(told) if isinstance(told, list) else {told}


def _weighed(run: Run, crash: Crash) -> Location | None:
    """Where a loss was built with weights for other classes than the prediction has."""
    row = crash.failed.row
    owner = next(
        (r.owner for r in run.failed_rows if r.kind == "module" and r.owner is not None), row.owner if row else None
    )
    third = crash.clash.role == "class" and crash.clash.right not in [
        label for label, _ in crash.failed.call.tensors[:2]
    ]
    built = run.row(owner) if third or "weight" in (crash.clash.left, crash.clash.right) else None
    return run.location(built) if built is not None and built.kind == "construct" else None


def _item_made(run: Run, crash: Crash) -> Location | None:
    """Where a target of the wrong number of dims got one more, or was taken over from outside of torch, as an item of a dataset is."""
    if crash.clash.kind != "rank":
        return None
    for label, _ in crash.failed.call.tensors[1:2]:
        value = crash.failed.operands.get(label)
        for row in ancestors(run, value) if value is not None else ():
            if row.op in ("unsqueeze", "unsqueeze_") and crash.clash.sizes[1] > crash.clash.sizes[0]:
                return run.location(row)
            if row.op in FROM_OUTSIDE and not row.inputs:
                return run.location(row)
    return None


def _classes_last(crash: Crash) -> bool:
    """Whether the target has all dims of the prediction but the last: one class for each position."""
    shapes = [shape for _, shape in crash.failed.call.tensors[:2]]
    return (
        len(shapes) == 2
        and len(shapes[0]) > 2
        and shapes[0][-1] > 1
        and shapes[0][:-1] == shapes[1]
        and crash.clash.role != "batch"
    )
