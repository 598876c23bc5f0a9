"""SG107 placeholder-feature-mismatch

The number of placeholder tokens is not the number of feature rows that are to be put in their place.

## What it is

An image, a sound or a soft prompt becomes n feature rows of the width of the model, and the text must hold exactly n placeholder
tokens for them.

## Why it goes wrong

Text and features are made apart. Truncation cuts placeholders off the end of the text; a processor computes another number of
patches than the vision tower gives (the class token, another patch size); a text has one placeholder for two pictures.

## Example

```python
import torch

IMAGE, PATCHES = 3, 4
ids = torch.tensor([[5, *[IMAGE] * PATCHES, 6]])[:, :4]
embeds = torch.nn.Embedding(10, 8)(ids).detach()
features = torch.randn(PATCHES, 8)
embeds[ids == IMAGE] = features
```

## Use instead

```python
import torch

IMAGE, PATCHES = 3, 4
ids = torch.tensor([[5, *[IMAGE] * PATCHES, 6]])
embeds = torch.nn.Embedding(10, 8)(ids).detach()
features = torch.randn(PATCHES, 8)
embeds[ids == IMAGE] = features
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.concat import CUTTING
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.placeholders import (
    Placeholders,
    count_written,
    placeholders,
    reckoned_at,
    repeated_at,
    tokenized,
    was_cut,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, OperandView, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG107", "placeholder-feature-mismatch"
_STRATEGY = "vision_feature_select_strategy"


def check(run: Run) -> Iterator[Finding]:
    """A failure to put features in the place of placeholder tokens, or features that were left over."""
    found = placeholders(run)
    if found is None:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(run, found),
        location=_location(run, found),
        failed_at=run.failed_at,
        operands=_operands(run, found),
        mismatch=Mismatch("count", (found.tokens, found.features)) if found.tokens is not None else None,
        fix=Fix(
            "Forbid the placeholder while tokens are drawn, `generate(..., suppress_tokens=[image_token_id])`, or replace it in what "
            "was generated before the model is given it again."
            if _drawn(run, found) is not None
            else "Tell the tokenizer that the placeholder is a token of its own, not a text to be split: "
            "`additional_special_tokens=[placeholder]`, and resize the model if it is a new one."
            if _split_up(run, found) is not None
            else "Write exactly one placeholder for each feature row, and let nothing cut them: no truncation shorter than the text "
            "with its placeholders, and a processor that counts as the encoder does."
        ),
    )


def _message(run: Run, found: Placeholders) -> str:
    count = f"{found.tokens} placeholder tokens stand" if found.tokens is not None else "The placeholder tokens stand"
    said = f"{count} in the ids for {found.features} feature rows."
    if run.failure is None:
        return f"{said} What is left over is dropped without a word."
    row = tokenized(run)
    if row is not None and was_cut(row):
        return f"{said} The text was cut to {row.args.get('max_length')} tokens, and placeholders with it."
    if (config := _strategy(run, found)) is not None:
        told = config.args[_STRATEGY]
        return f"{said} That is one an image, the class token: the model's `{_STRATEGY}` is {told!r}, and the text counts otherwise."
    return said


def _strategy(run: Run, found: Placeholders) -> Row | None:
    """The config that says whether the class token is kept, where there is one row an image too many or too few."""
    pixels = next((t for row in run.failed_rows for t in row.inputs if t.label == "pixel_values"), None)
    if pixels is None or found.tokens is None or abs(found.tokens - found.features) != pixels.last[0]:
        return None
    configs = [row for row in run.of_kind("construct") if _STRATEGY in row.args]
    return configs[-1] if configs else None


def _location(run: Run, found: Placeholders) -> Location | None:
    row = tokenized(run)
    if row is not None and was_cut(row):
        return run.location(row)
    if (sliced := _rows_sliced(run)) is not None:
        return sliced
    config = _strategy(run, found)
    if config is not None and config.args[_STRATEGY] != "default" and _STRATEGY in run.expression(config):
        return run.location(config)
    if (drawn := _drawn(run, found)) is not None:
        return run.location(drawn)
    if (token := _token_joined(run, found)) is not None:
        return token
    if (unknown := _split_up(run, found)) is not None:
        return unknown
    written = count_written(run, row) if row is not None else None
    if written is not None:
        return written
    by_hand = repeated_at(run)
    if row is not None:
        return by_hand or run.location(row)
    fewer = found.tokens is None or found.tokens < found.features  # as a cut leaves
    cut = (
        (_cut_by_hand(run, found) or (_list_cut(run, by_hand, by_hand.line) if by_hand is not None else None))
        if fewer
        else None
    )
    return cut or _gathered(run) or by_hand or _filled(run) or _processor_made(run) or _written(run, found)


def _processor_made(run: Run) -> Location | None:
    """Where the program's own processor was made, which counts the placeholders."""
    places = [
        run.place(file, node.lineno)
        for file, node in run.nodes(ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id.endswith("Processor")
    ]
    return places[0] if len(places) == 1 else None


def _written(run: Run, found: Placeholders) -> Location | None:
    """Where the features are written, for want of anything better."""
    return run.location(found.row) if found.row is not None else run.failed_at


def _token_joined(run: Run, found: Placeholders) -> Location | None:
    """Where a program's own encoder puts a token of its own, of each image one, beside the patches that the text counts."""
    if found.source is None or found.tokens is None:
        return None
    for row in ancestors(run, found.source):
        states = row.outputs[0].last if row.kind == "forward" and row.outputs else ()
        if len(states) == 3 and states[0] * states[1] == found.features == found.tokens + states[0]:
            return run.location(row)  # the states of an encoder of images begin with one
        sizes = [tensor.last[1] for tensor in row.inputs if len(tensor.last) == 3] if row.kind == "concat" else []
        out = row.outputs[0].last if row.outputs else ()
        extra = sum(sizes) - max(sizes, default=0)
        if (
            len(out) == 3
            and len(sizes) > 1
            and out[1] == sum(sizes)
            and found.features - found.tokens == out[0] * extra
        ):
            return run.location(row)
    return None


def _filled(run: Run) -> Location | None:
    """Where a block of placeholders was made and put among the ids."""
    call = run.failed_row("forward", "generate")
    ids = inputs_of(call) if call is not None else None
    for row in ancestors(run, ids) if ids is not None else ():
        if row.op in ("new_full", "full", "full_like") and row.outputs and row.outputs[0].dtype.startswith("int"):
            return run.location(row)
    return None


def _split_up(run: Run, found: Placeholders) -> Location | None:
    """Where a tokenizer was made that split the placeholders up which the text repeats: none of them came through as a token."""
    row = tokenized(run)
    if found.tokens != 0 or row is None or was_cut(row) or not (repeated_at(run) or count_written(run, row)):
        return None
    call = call_of(run.expression(row))
    for trail in climbs(run.sources, run.chain(row), call.func, whole=True) if call is not None else ():
        made = next((spot for spot in reversed(trail.spots) if spot.line and "okenizer" in spot.node_text), None)
        return run.at(made) if made is not None and made.kind != "use" else None
    return None


def _drawn(run: Run, found: Placeholders) -> Row | None:
    """The generation that made the failed call's ids, or a part of them, among which it may have drawn a placeholder.

    Its own prompts fitted: it ran to its end.
    """
    if found.tokens is None or found.tokens <= found.features:
        return None
    call = run.failed_row("forward", "generate")
    ids = inputs_of(call) if call is not None else None
    return next((row for row in ancestors(run, ids) if row.kind == "generate"), None) if ids is not None else None


def _rows_sliced(run: Run) -> Location | None:
    """The slice that took rows from the ids and not from the images, or the other way round; the cut of both as if they were as many."""
    call = run.failed_row("forward", "generate")
    by_label = {tensor.label: tensor for tensor in call.inputs} if call is not None else {}
    ids, pixels = by_label.get("input_ids"), by_label.get("pixel_values")
    if ids is None or pixels is None:
        return None
    if ids.last[0] == pixels.last[0]:
        cuts = [run.row(tensor.origin) for tensor in (ids, pixels)]
        whole = [row.inputs[0].last[0] for row in cuts if row is not None and row.op in CUTTING and row.inputs]
        return run.birth(pixels.origin) if len(whole) == 2 and whole[0] != whole[1] else None
    for tensor, other in ((ids, pixels), (pixels, ids)):
        cut = next((hop for hop in follow(run, tensor, 0) if hop.changed and hop.row.op == "getitem"), None)
        if cut is not None and cut.size_before == other.last[0]:
            return run.location(cut.row)
    return None


def _gathered(run: Run) -> Location | None:
    """Where the images were collected, one after the other, that go in together: each was to bring its placeholders."""
    call = run.failed_row("forward", "generate")
    pixels = next((t for t in call.inputs if t.label == "pixel_values"), None) if call is not None else None
    joined = run.row(pixels.origin) if pixels is not None else None
    node = call_of(run.expression(joined)) if joined is not None and joined.kind == "concat" else None
    if joined is None or node is None or not node.args or len(joined.inputs) < 2:
        return None
    sites = run.chain(joined)
    for trail in climbs(run.sources, sites, node.args[0], whole=True):
        last = trail.spots[-1]
        if last.kind == "attribute" and last.line and last.function != sites[0].function:
            return run.at(last)
    return _appended(run, node.args[0])


def _appended(run: Run, images: ast.expr) -> Location | None:
    """The one line that puts another image into the list that an object keeps of them."""
    if not isinstance(images, ast.Attribute):
        return None
    found = [
        (file, node.lineno)
        for file, node in run.nodes(ast.Call)
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in ("append", "extend")
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == images.attr
    ]
    return run.place(*found[0]) if len(found) == 1 else None


def _cut_by_hand(run: Run, found: Placeholders) -> Location | None:
    """Without a tokenizer: the slice that shortened the ids the mask was made of, else where their number is written."""
    for row in ancestors(run, found.mask) if found.mask is not None else ():
        if row.op == "getitem" and row.inputs and row.outputs and row.inputs[0].dtype.startswith("int"):
            return run.location(row)
        if row.op in ("tensor", "as_tensor", "LongTensor"):
            made = run.location(row)
            counted = reckoned_at(run) or count_written(run, row)
            return (_list_cut(run, made, 0) if made is not None else None) or counted or made
    return None


def _list_cut(run: Run, place: Location, after: int) -> Location | None:
    """The slice that cuts a list of ids down, ``ids[:max_length]``, in the function of a place, after that line of it."""
    function = run.sources[place.file].function_at(place.line)
    for statement in ast.walk(function) if function is not None else ():
        if not isinstance(statement, ast.Assign | ast.Return) or statement.lineno <= after:
            continue
        for node in ast.walk(statement):
            match node:
                case ast.Subscript(value=ast.Name(), slice=ast.Slice(lower=None, upper=ast.expr())):
                    return run.place(place.file, statement.lineno, place.function)
    return None


def _operands(run: Run, found: Placeholders) -> tuple[OperandView, ...]:
    if found.views:
        return tuple(run.operand(value) for value in found.views if value.shape)
    if found.row is not None:
        return tuple(map(run.tensor, found.row.inputs))
    failed = failed_op(run)
    return failed.views(run) if failed is not None else ()
