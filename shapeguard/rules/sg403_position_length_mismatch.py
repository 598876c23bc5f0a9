"""SG403 position-length-mismatch

Position ids, rotary tables or position embeddings are of another length than the sequence.

## What it is

Every token needs its own position: position ids are (batch, length) like the ids, a learned table has a row for each position,
cosines and sines of rotary embeddings have the length of queries and keys.

## Why it goes wrong

The length is a constant, or comes from a tensor before it was shifted, cropped or joined; the image is of another size than
the one the table was made for. Or the positions of each step are counted from 0 again while the keys of earlier steps are kept.

With padding on the left, positions counted from the first column are not those of the tokens: the first real token of a short
row must be at position 0, as it is alone. Rotary models shift all of a row alike and hardly notice; a learned table (GPT-2)
gives other vectors, and the row another text. Count from the mask: `(attention_mask.cumsum(-1) - 1).clamp(min=0)`.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
batch = torch.randint(0, 50, (2, 8))
positions = torch.arange(batch.size(1)).unsqueeze(0)
model(batch[:, :-1], position_ids=positions, use_cache=False)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2)).eval()
batch = torch.randint(0, 50, (2, 8))
positions = torch.arange(batch.size(1) - 1).unsqueeze(0)
model(batch[:, :-1], position_ids=positions, use_cache=False)
```
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shapeguard.analysis.caches import given_cache, named
from shapeguard.analysis.causes import cause
from shapeguard.analysis.climb import attribute_set, chain_of_frames, named_at
from shapeguard.analysis.dispute import dispute_of
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.misdirected import whole_beside_part
from shapeguard.analysis.models import built_model, config_of, limit_in
from shapeguard.analysis.odd_input import kept_from_before, odd_input
from shapeguard.analysis.of_models import told_beside_default
from shapeguard.analysis.overrun import outgrown
from shapeguard.analysis.padded_fields import padded_beside
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.preflight.door import at_the_door
from shapeguard.analysis.refused import Refused, odd_rank, of_channels, refused_input
from shapeguard.analysis.resized import dropped_beside, resized_to
from shapeguard.analysis.rotary import positions_ended, spread
from shapeguard.analysis.run import Run
from shapeguard.analysis.shifted import shifted_calls, stepped_apart
from shapeguard.analysis.sides import Side, sides
from shapeguard.analysis.sizing import built_size, config_default, located
from shapeguard.analysis.unread import never_looked_up
from shapeguard.analysis.untold import told_from
from shapeguard.rules.rotary_turns import spread_out, standing_still, turned_wrongly
from shapeguard.values.findings import Finding, Fix, LineageStep, Location, Mismatch, OperandView, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg
from shapeguard.values.shapes import format_shape

CODE, NAME = "SG403", "position-length-mismatch"
_FEW = 2  # class and distillation tokens
_ADDING = frozenset({"add", "add_", "iadd"})
_ROTATING = frozenset({"mul", "mul_", "imul"})
_WAVES = frozenset({"cos", "sin", "polar", "cos_", "sin_"})


def check(run: Run) -> Iterator[Finding]:
    """A model call with position ids of another length than its ids; a position table that does not fit the sequence."""
    yield from turned_wrongly(run, CODE, NAME)
    told = False
    for row in run.of_kind("forward"):
        if not told and (found := _ids_against_positions(run, row)) is not None:
            told = True
            yield found
    if (wide := next(spread(run), None)) is not None:
        yield spread_out(run, wide, CODE, NAME)
        return
    turned = None if told else _rotated(run)
    if turned is not None:
        yield turned
        return
    rows = None if told else _of_other_rows(run)
    if rows is not None:
        told = True
        yield rows
    for finding in () if told else standing_still(run, CODE, NAME):
        told = True
        yield finding
    for counted in () if told else _counting_padding(run):
        told = True
        yield counted
    image = refused_input(run)
    if not told and image is not None and not of_channels(image):
        yield _refused(run, image)
        return
    failed = failed_op(run)
    if not told and failed is not None and odd_rank(run) is None and (table := _table(run, failed)) is not None:
        yield _table_finding(run, failed, table)


def _rotated(run: Run) -> Finding | None:
    """A library's layer that was handed the cosines and sines of other positions than its states have."""
    failed, frame = failed_op(run), run.user_frame
    inner = run.inner_frame
    if (
        failed is None
        or failed.clash is None
        or failed.clash.kind != "dim"
        or frame is None
        or inner is None
        or inner.user
    ):
        return None
    names = {failed.expression(run, failed.clash.left), failed.expression(run, failed.clash.right)}
    handed = next((v for v in frame.operands if v.label in ("position_embeddings", "cos")), None)
    if handed is None or not names & {"cos", "sin"} or failed.clash.left_dim not in (1, 2, -2):
        return None
    states, table = failed.clash.sizes
    return _finding(
        run,
        f"The layer was handed cosines and sines of {table} positions, and its states have {states}.",
        positions_ended(run) or named_at(run, frame, handed.expression) or run.failed_at,
        failed.views(run),
        failed.mismatch(),
        (),
        "Make the cosines and sines of the positions that are left: where states are dropped or put in, theirs are, too.",
        True,
    )


def _refused(run: Run, found: Refused) -> Finding:
    """A model with a place for each patch or frame, that was given images or spectrograms of another size."""
    return _finding(
        run,
        f"`{found.tensor.label}` {format_shape(found.tensor.last)} has {found.size} in dim {found.dim}, and the model's table of "
        f"positions was made for {found.wanted}.",
        found.location(run),
        (run.tensor(found.tensor),),
        Mismatch("dim", (found.size, found.wanted), found.dim),
        steps(run, list(found.hops)),
        "Bring every input to the size of the config (resize, crop or pad it, as the model's own processor does), or let the model "
        "interpolate its positions (`interpolate_pos_encoding=True`) where it can.",
        True,
    )


def _counting_padding(run: Run) -> Iterator[Finding]:
    """Positions that count the padding in front: made by hand for a generation, or left to a model that counts columns."""
    for finding in at_the_door(run):
        if finding.code == CODE:
            yield msgspec.structs.replace(finding, location=_made_at(run, finding.location))
    found = next(shifted_calls(run), None) or next(stepped_apart(run), None)
    if found is not None:
        ids = named(found.row, "input_ids", "inputs_embeds")
        own = found.positions
        given = "position ids that count every column" if own is not None else "no position ids: it counts columns"
        yield _finding(
            run,
            f"The rows are padded on the left and {found.row.op} is given {given}, so the first real token of a short row does "
            "not stand at position 0.",
            (run.birth(own.origin) if own is not None else None) or run.location(found.row),
            (run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
            None,
            (),
            "Pass `position_ids=(attention_mask.cumsum(-1) - 1).clamp(min=0)`, and the next number at every cached step.",
            False,
        )


def _made_at(run: Run, call: Location | None) -> Location | None:
    """Where the position ids of a generation were made; where that was not seen, the call."""
    for row in run.of_kind("generate"):
        positions = named(row, "position_ids")
        if positions is not None and run.location(row) == call:
            return run.birth(positions.origin) or call
    return call


def _ids_against_positions(run: Run, row: Row) -> Finding | None:
    ids, positions = named(row, "input_ids", "inputs_embeds"), named(row, "position_ids")
    if ids is None or positions is None or given_cache(row) is not None or len(ids.last) < 2:
        return None
    length, got = ids.last[1], positions.last[-1]
    failed = row in run.failed_rows
    if got == length or (row.error != "") != failed or (not failed and got != 1):
        return None
    if len(positions.last) == 1 and got == ids.last[0] and failed:
        return _finding(
            run,
            f"`position_ids` is given one number for each of {got} rows, where {length} tokens want their places: it is another "
            "argument of the model that is meant.",
            run.location(row),
            (run.tensor(ids, "", ("batch", "seq")), run.tensor(positions)),
            Mismatch("dim", (length, got), 0),
            (),
            "Hand the tensors over by their names (`attention_mask=...`, `labels=...`): the order differs between models.",
            True,
        )
    hops = follow(run, positions, len(positions.last) - 1)
    grown = any(hop.changed and hop.row.kind == "concat" for hop in follow(run, ids, 1))
    made = run.birth(positions.origin) if grown else run.location(hops[-1].row) if hops else None
    beside = run.row(ids.origin)
    if hops and beside is not None:
        made = callers_part(run, hops[-1].row, beside) or made  # one helper made both
    return _finding(
        run,
        f"{got} positions are given for {length} tokens.",
        padded_beside(run, "position_ids") or made or run.location(row),
        (run.tensor(ids, "", ("batch", "seq")), run.tensor(positions)),
        Mismatch("dim", (length, got), len(positions.last) - 1),
        steps(run, hops),
        "Make the positions from the ids that go in: `torch.arange(input_ids.size(1))`.",
        failed,
    )


def _of_other_rows(run: Run) -> Finding | None:
    """A failed model call whose position ids (batch, seq) are for another number of rows than its ids."""
    failed = failed_op(run)
    clash = failed.clash if failed is not None else None
    odd = odd_input(run, clash.sizes, frozenset({"position_ids"})) if clash is not None else None
    if odd is None or odd.dim != 0:
        return None
    return _finding(
        run,
        f"{odd.told}.",
        kept_from_before(run, odd.odd, 0) or odd.location or run.failed_at,
        (run.tensor(odd.leading), run.tensor(odd.odd, "", ("batch", "seq"))),
        Mismatch("dim", odd.sizes, 0),
        odd.lineage,
        "Give one row of positions for all, or one for each row of the ids.",
        True,
    )


def _table(run: Run, failed: FailedOp) -> Side | None:
    """The side of a clash that is a table of positions."""
    found = failed.clash
    if found is None or found.kind != "dim" or found.left_dim is None or found.right_dim is None:
        return None
    if odd_input(run, found.sizes) is not None:  # two of the model's inputs differ: the table is not concerned
        return None
    if outgrown(run) is not None:
        return None
    pairs = ((found.left, found.left_dim, found.sizes[0]), (found.right, found.right_dim, found.sizes[1]))
    for (label, dim, _), (other, _, _) in (pairs, pairs[::-1]):
        value, beside = failed.operands.get(label), failed.operands.get(other)
        if value is None or beside is None or not _at_length(_shape(value), _shape(beside), dim):
            continue
        if failed.op in _ADDING and (_is_table(_shape(value), _shape(beside), value) or _counts(run, value)):
            return next(side for side in sides(run, failed) if side.label == label)
        if failed.op in _ROTATING and any(row.op in _WAVES for row in ancestors(run, value)):
            return next(side for side in sides(run, failed) if side.label == label)
    return None


def _at_length(table: tuple[int, ...], states: tuple[int, ...], dim: int) -> bool:
    """Whether the clash is in the dim before the features, of states (batch, ..., length, features)."""
    if len(states) < 3 or len(table) < 2 or table[-1] != states[-1]:
        return False
    beside_heads = len(states) == 4 and len(table) > 2 and table[-2] == 1 and dim % len(table) == len(table) - 3
    return beside_heads or dim % len(table) == len(table) - 2


def _is_table(table: tuple[int, ...], states: tuple[int, ...], value: TensorArg | NamedValue) -> bool:
    """Whether a side is a parameter (made in no recorded op) with one row of features a position, for all rows of the batch."""
    return value.origin is None and (len(table) < len(states) or all(size == 1 for size in table[:-2]))


def _counts(run: Run, value: TensorArg | NamedValue) -> bool:
    """Whether a side is an embedding of counted positions."""
    behind = list(ancestors(run, value))
    return any(row.op in ("Embedding", "embedding") for row in behind) and any(row.op == "arange" for row in behind)


def _table_finding(run: Run, failed: FailedOp, table: Side) -> Finding:
    found = failed.clash
    assert found is not None
    length = found.sizes[1] if found.left == table.label else found.sizes[0]
    decided = cause(run, failed, table)
    return _finding(
        run,
        f"The sequence has {length} positions, the table of positions {table.size}.",
        _told_beside(run, failed)
        or never_looked_up(run, table)
        or _in_library(run, table)
        or resized_to(run, failed, table)
        or dropped_beside(run, failed, table)
        or (_built_at(run, failed, table, length) if decided.how == "here" else None)
        or (_counted_in_helper(run, table) if decided.how == "changed" else None)
        or decided.location,
        failed.views(run),
        Mismatch("dim", (length, table.size), found.dim),
        steps(run, list(table.hops)),
        "Make the table for the length that comes (for images: the patches of their size, and one for a class token), or "
        "interpolate it.",
        True,
    )


def _counted_in_helper(run: Run, table: Side) -> Location | None:
    """The call of the plain function that counted a table out from the numbers it was given, and laid its axes in one."""
    last = table.hops[-1].row
    call = run.helper_call(last)
    behind = [last, *(row for tensor in last.inputs for row in ancestors(run, tensor))]
    return call if call is not None and all(run.helper_call(row) == call for row in behind) else None


def _told_beside(run: Run, failed: FailedOp) -> Location | None:
    dispute = dispute_of(run, failed)
    told = (told_beside_default(dispute) or whole_beside_part(dispute)) if dispute is not None else None
    return told.location if told is not None else None


def _in_library(run: Run, table: Side) -> Location | None:
    """Where a library's model was told how many places it has; of images of another size than it was told, where they came in.

    The count is reckoned of several settings: another one of the same number is not it.
    """
    call, frame = run.failed_row("forward"), run.inner_frame
    config = config_of(run, built_model(run, call)) if frame is not None and not frame.user else None
    if config is None or call is None or ((limit := limit_in(config)) is not None and limit.positions == table.size):
        return None
    pixels, wanted = named(call, "pixel_values"), config.args.get("image_size")
    if pixels is not None and isinstance(wanted, int) and pixels.last[-1] != wanted:
        dim = len(pixels.last) - 1
        return Refused(pixels, dim, pixels.last[dim], wanted, tuple(follow(run, pixels, dim))).location(run)
    return run.location(config)


def _built_at(run: Run, failed: FailedOp, table: Side, length: int) -> Location | None:
    """Where the length was written with which the layer was built that holds the table.

    Where it was told none, or the table forgot a class token, it is where the layer makes its table.
    """
    owners = [run.row(frame.owner) for frame in reversed(run.frames) if frame.user and frame.owner is not None]
    layer = next((row for row in owners if row is not None and row.kind == "construct"), None)
    kept = _kept_at(run, failed, table)
    if layer is None or (abs(length - table.size) <= _FEW and kept is not None):
        return kept if abs(length - table.size) <= _FEW else None
    told = config_default(run, kept, table.size) or located(run, built_size(run, layer, table.size))
    return told or (kept if run.expression(layer).endswith("()") else None) or told_from(run, layer)


def _kept_at(run: Run, failed: FailedOp, table: Side) -> Location | None:
    """Where a table was made that a module keeps."""
    expression = failed.expression(run, table.label)
    if not expression.startswith("self.") or run.user_frame is None:
        return None
    made = attribute_set(run, chain_of_frames(run, run.user_frame), expression)
    return run.at(made) if made is not None else None


def _finding(
    run: Run,
    message: str,
    location: Location | None,
    operands: tuple[OperandView, ...],
    mismatch: Mismatch | None,
    lineage: tuple[LineageStep, ...],
    fix: str,
    failed: bool,
) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        message,
        location=location,
        failed_at=run.failed_at if failed else None,
        operands=operands,
        mismatch=mismatch,
        lineage=lineage,
        fix=Fix(fix),
    )


def _shape(value: TensorArg | NamedValue) -> tuple[int, ...]:
    return value.last if isinstance(value, TensorArg) else value.shape or ()
