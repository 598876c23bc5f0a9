"""Attention masks that fit neither the scores they go on nor a broadcast to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.causes import REPEATING, cause
from shapeguard.analysis.climb import named_at
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.frozen import is_frozen
from shapeguard.analysis.graph import COUNTING_OUT, ancestors
from shapeguard.analysis.lineage import Hop, birth, follow
from shapeguard.analysis.odd_input import entry_of
from shapeguard.analysis.parting import only_changed_way
from shapeguard.analysis.ranks import rank_changes
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import Side, side
from shapeguard.analysis.written import written
from shapeguard.values.findings import Location
from shapeguard.values.recording import NamedValue, Row, TensorArg

_MASKS = ("attention_mask", "attn_mask", "mask", "src_mask", "tgt_mask", "condition")
_WITH_MASK = ("input_ids", "inputs_embeds", "encoder_outputs.last_hidden_state")  # what the mask of a call belongs to
FILLS = frozenset({"masked_fill", "masked_fill_"})
ADDS = frozenset({"add", "add_", "iadd"})
_ON_SCORES = frozenset({"div", "truediv", "mul", "add", "tanh", "masked_fill", "sub", "mul_", "div_", "float", "to", "relu", "pow"})  # fmt: skip


class BadMask(NamedTuple):
    """A mask, the row it was used in, the scores it should fit, and the dim of the mask that does not."""

    row: Row
    mask: TensorArg
    scores: tuple[int, ...]
    dim: int
    wanted: int
    got: int
    location: Location | None
    hops: list[Hop]
    told: str = ""
    fix: str = ""


def failed_masks(run: Run) -> Iterator[BadMask]:
    """The masks of the failed attention, or of the failed op on its scores, that fit neither the scores nor a broadcast."""
    for row in run.failed_rows:
        mask = next((tensor for tensor in row.inputs if tensor.label in _MASKS), None)
        if mask is not None and mask.origin is None:  # made anew on the way: as it was handed to the outermost layer
            mask = next((t for r in run.failed_rows for t in r.inputs if _same_mask(t, mask)), mask)
        scores = _scores(row)
        odd = _misfit(mask.last, scores, _heads(row)) if mask is not None and scores is not None else None
        if mask is not None and scores is not None and odd is not None:
            dim, wanted, got = odd
            fix = _repeat_fix(row, mask, wanted, got)
            handed = _handed_in(run, mask) if mask.origin is None and dim == len(mask.last) - 1 else None
            of, along = (handed, 1) if handed is not None else (mask, dim)
            own = handed is not None and handed.label == "attention_mask"
            place = (_odd_part(run, handed) if own and handed is not None else None) or _of_one(run, mask, scores, dim)
            place = place or (None if dim else _multiplied(run, row, mask)) or _made_at(run, of, along)
            if mask.last == (scores[0], scores[-1]) and _heads(row) is not None:
                fix = "A mask (batch, key) says which tokens are padding: pass it, true at padding, as `key_padding_mask`."
                place = next(filter(None, (entry_of(run, name, r) for r in run.failed_rows for name in _MASKS)), place)
            yield BadMask(row, mask, scores, dim, wanted, got, place, follow(run, of, along), fix=fix)
    padding = _padding_mask(run)
    if padding is not None:
        yield padding
    by_hand = _by_hand(run)
    if by_hand is not None:
        yield by_hand
    rows = _rows_of_padding(run) or _three_dims(run)
    if rows is not None:
        yield rows


def _handed_in(run: Run, mask: TensorArg) -> TensorArg | None:
    """The padding mask (batch, key) that a model was given and made its mask of scores from."""
    row = run.failed_row("forward")
    given = [named(row, label) for label in ("attention_mask", "decoder_attention_mask")] if row is not None else []
    fits = [handed for handed in given if handed is not None and handed.last == (mask.last[0], mask.last[-1])]
    return fits[0] if len(fits) == 1 and len(mask.last) == 4 and fits[0].origin is not None else None


def _of_one(run: Run, mask: TensorArg, scores: tuple[int, ...], dim: int) -> Location | None:
    """Where the failing function has its mask (rows, 1, query, key) that was made of sizes for one of several in the batch."""
    frame, rows = run.user_frame, mask.last[0]
    if frame is None or dim or len(mask.last) != 4 or rows < 2 or scores[0] % rows or scores[0] == rows:
        return None
    made = list(ancestors(run, mask))[-1:]
    named = next((value for value in frame.operands if value.origin == mask.origin), None)
    counted = bool(made) and not made[0].inputs and made[0].op in COUNTING_OUT
    return named_at(run, frame, named.expression) if counted and named is not None else None


def _odd_part(run: Run, mask: TensorArg) -> Location | None:
    """Where the one part of a mask got its length that is not as long as the part of the sequence it stands for."""
    row = run.failed_row("forward")
    tokens = named(row, "inputs_embeds", "input_ids") if row is not None else None
    ways = [follow(run, tensor, 1) for tensor in (mask, tokens) if tensor is not None]
    joins = [way[-1] for way in ways if way and way[-1].row.kind == "concat"]
    if len(joins) != 2:
        return None
    parts, others = joins[0].row.inputs, joins[1].row.inputs
    odd = [
        part
        for part, other in zip(parts, others, strict=False)
        if part.last[joins[0].after] != other.last[joins[1].after]
    ]
    hops = follow(run, odd[0], joins[0].after) if len(parts) == len(others) and len(odd) == 1 else []
    if not hops:
        return None
    return written(run, hops[-1].row, hops[-1].size_after, hops[-1].after) or run.location(hops[-1].row)


def _padding_mask(run: Run) -> BadMask | None:
    """A padding mask of another length than the keys, or of other rows, in nn.MultiheadAttention or a layer built on it."""
    for row in run.failed_rows:
        mask = next((tensor for tensor in row.inputs if tensor.label == "key_padding_mask"), None)
        scores = _scores(row)
        if mask is None or scores is None or len(mask.last) != 2 or len(scores) != 4:
            continue
        rows, keys = scores[0], scores[3]
        if mask.last == (rows, keys) or mask.last == (keys, rows):  # turned round: a question of the layout
            continue
        dim, wanted = (1, keys) if mask.last[1] != keys else (0, rows)
        if mask.origin is None:  # made anew on the way through a library's layers: as it was handed to the outermost
            mask = next((t for r in run.failed_rows for t in r.inputs if _handed_on(t, mask)), mask)
        return BadMask(
            row, mask, scores, dim, wanted, mask.last[dim],
            _changed_at(run, mask, dim) or (None if dim else _multiplied(run, row, mask) or _lengths_told(run, mask)) or run.birth(mask.origin),
            follow(run, mask, dim),
            f"it marks {mask.last[dim]} {'positions' if dim else 'rows'} where there are {wanted}",
            "Make the padding mask from the sequence that goes in: what is put in front of it or behind it belongs into the mask.",
        )  # fmt: skip
    return None


def _handed_on(tensor: TensorArg, mask: TensorArg) -> bool:
    return tensor.label.endswith("key_padding_mask") and tensor.last == mask.last and tensor.origin is not None


def _same_mask(tensor: TensorArg, mask: TensorArg) -> bool:
    return tensor.label in _MASKS and tensor.last == mask.last and tensor.origin is not None


def _repeat_fix(row: Row, mask: TensorArg, wanted: int, got: int) -> str:
    heads = _heads(row)
    if heads is not None and len(mask.last) == 3 and wanted == got * heads:
        return f"Give every head its copy: `mask.repeat_interleave({heads}, dim=0)`, (batch * heads, query, key)."
    return ""


def _heads(row: Row) -> int | None:
    heads = row.args.get("num_heads")
    return heads if isinstance(heads, int) else None


def _scores(row: Row) -> tuple[int, ...] | None:
    """(batch, heads, query, key) of the attention a row stands for; batch and heads may be one dim."""
    shapes = {tensor.label: tensor.last for tensor in row.inputs}
    query, key = shapes.get("query", shapes.get("input")), shapes.get("key")
    if query is None or key is None or len(query) < 3 or len(key) != len(query):
        return None
    heads = _heads(row)
    if heads is None:
        return (*query[:-1], key[-2])
    batch_first = row.args.get("batch_first") is True
    batch, length, keys = (query[0], query[1], key[1]) if batch_first else (query[1], query[0], key[0])
    return (batch, heads, length, keys)


def _misfit(mask: tuple[int, ...], scores: tuple[int, ...], heads: int | None) -> tuple[int, int, int] | None:
    """(dim of the mask, wanted, got) where the mask does not fit; None where it does."""
    if heads is not None and len(mask) == 3:
        wanted = (scores[0] * heads, *scores[2:])
    elif heads is not None:
        wanted = scores[2:]
    else:
        wanted = scores
    if len(mask) > len(wanted):
        return 0, len(wanted), len(mask)
    may_broadcast = heads is None
    for back in range(1, len(mask) + 1):
        got, want = mask[-back], wanted[-back]
        if got != want and not (may_broadcast and got == 1):
            return len(mask) - back, want, got
    return None


def _made_at(run: Run, mask: TensorArg, dim: int) -> Location | None:
    """Where a mask's size was decided in an op or a number; where it came with the data, where the mask itself was made."""
    last, made = birth(follow(run, mask, dim)), run.row(mask.origin)
    if last is not None and last.size_before is not None:
        return run.location(last.row)
    if last is not None and last.row.kind == "op" and last.row.op not in ("tensor", "as_tensor", "from_numpy"):
        return written(run, last.row, last.size_after, last.after) or run.location(last.row)
    if made is not None:
        return run.location(made)
    frame = run.user_frame
    return run.statement_of(frame) if frame is not None else None


def _changed_at(run: Run, mask: TensorArg, dim: int) -> Location | None:
    """Where an op gave a mask another size than it had: cut it, or joined something to it."""
    last = birth(follow(run, mask, dim))
    return run.location(last.row) if last is not None and last.size_before is not None else None


def _lengths_told(run: Run, mask: TensorArg) -> Location | None:
    """Where the lengths were written down of which a mask was made: for other rows than came."""
    last = birth(follow(run, mask, 0))
    told = last is not None and last.row.op in FROM_OUTSIDE and not last.row.inputs and last.row.id != mask.origin
    return run.location(last.row) if last is not None and told else None


def _widened(run: Run, mask: TensorArg) -> Location | None:
    """Where a mask was given one axis, of the two that it lacked."""
    changed = rank_changes(run, mask)
    return (
        run.location(changed[-1].row) if changed and (changed[-1].size_before or 0) < changed[-1].size_after else None
    )


def _by_hand(run: Run) -> BadMask | None:
    """A mask that failed in an op of the user's on scores, a product of queries and keys."""
    failed = failed_op(run)
    if failed is None or failed.row is None or failed.clash is None or failed.clash.kind != "dim":
        return None
    if failed.op not in FILLS | ADDS | {"where", "mul", "mul_", "imul"} or len(failed.row.inputs) < 2:
        return None
    scores, mask = _scores_and_mask(failed)
    dim = failed.clash.left_dim if failed.clash.left == mask.label else failed.clash.right_dim
    if dim is None or len(scores.last) < 3 or not _are_scores(run, scores) or not _is_mask(run, failed, mask):
        return None
    of = side(run, failed, mask.label, dim, mask.last[dim])
    if is_frozen(run, of) or _kept(run, of):
        return None
    decided = cause(run, failed, of)
    where = _made_at(run, mask, dim) if decided.how in ("data", "here") else decided.location
    where = _other_changed(run, failed, of, scores) or where
    where = _of_the_queries(run, failed.row, mask, scores.last) or where
    wanted, got = next((size for size in failed.clash.sizes if size != of.size), of.size), of.size
    if _lacks_heads(scores.last, mask.last):
        return BadMask(
            failed.row, mask, scores.last, dim, wanted, got, _widened(run, mask) or run.location(failed.row), list(of.hops),
            f"it has {len(mask.last)} dims and the scores {len(scores.last)}: its {got} rows meet the {wanted} heads",
            "Insert the dim of the heads after the batch: `mask.unsqueeze(1)`.",
        )  # fmt: skip
    return BadMask(failed.row, mask, scores.last, dim, wanted, got, where, list(of.hops))


def _other_changed(run: Run, failed: FailedOp, mask: Side, scores: TensorArg) -> Location | None:
    """Where the sequence got its length, if that was changed since the mask was made of it, or rows were folded into it."""
    clash = failed.clash
    if clash is None:
        return None
    dim = clash.left_dim if clash.left == scores.label else clash.right_dim
    if dim is None:
        return None
    other = side(run, failed, scores.label, dim, scores.last[dim])
    last = other.hops[-1] if other.hops else None
    folded = last is not None and last.changed and family(last.row.op) == "reshape" and len(last.merged) > 1
    return cause(run, failed, other).location if folded or only_changed_way(run, other, mask) == 0 else None


def _of_the_queries(run: Run, row: Row, mask: TensorArg, scores: tuple[int, ...]) -> Location | None:
    """The call that hands an attention across two sequences the mask of the one that asks: it is as long as the queries, not the keys."""
    across = scores[-2] != scores[-1] and mask.last[-1] == scores[-2] and mask.last[-2:-1] in ((), (1,))
    return run.location(row, 1) if across and len(scores) == 4 else None


def _lacks_heads(scores: tuple[int, ...], mask: tuple[int, ...]) -> bool:
    """Whether a mask (batch, query, key) would fit scores (batch, heads, query, key), had it an axis for the heads."""
    return (
        len(scores) == 4
        and len(mask) == 3
        and mask[0] == scores[0]
        and all(got in (1, want) for got, want in zip(mask[1:], scores[2:], strict=True))
    )


def _kept(run: Run, of: Side) -> bool:
    """Whether a mask is a table that a module keeps since it was built: then the sequence is too long for it."""
    sites = run.recording.chains[of.hops[-1].row.chain].sites if of.hops else ()
    return bool(sites) and run.recording.sites[sites[0]].function.rpartition(".")[2] == "__init__"


def _scores_and_mask(failed: FailedOp) -> tuple[TensorArg, TensorArg]:
    assert failed.row is not None
    tensors = list(failed.row.inputs)
    mask = next((t for t in tensors if t.label in _MASKS), None)
    if mask is None:
        mask = min(tensors[1:], key=lambda t: len(t.last)) if tensors else tensors[0]
    scores = next(t for t in tensors if t is not mask)
    return scores, mask


def _are_scores(run: Run, tensor: TensorArg | NamedValue) -> bool:
    """Whether a tensor is a product of queries and transposed keys, through elementwise ops."""
    row = run.row(tensor.origin)
    for _ in range(12):
        if row is None:
            return False
        if row.op in ("matmul", "bmm", "baddbmm", "einsum") and row.outputs:
            shape = tensor.last if isinstance(tensor, TensorArg) else tensor.shape or ()
            return row.outputs[0].last == shape
        if row.op not in _ON_SCORES or not row.inputs:
            return False
        row = run.row(row.inputs[0].origin)
    return False


def _is_mask(run: Run, failed: FailedOp, mask: TensorArg) -> bool:
    """Whether an operand is a mask: by its role, or because it holds truth values or was made from some."""
    if failed.op in FILLS or mask.label in _MASKS or mask.dtype == "bool":
        return True
    if re.search(r"(^|[^a-zA-Z])mask", failed.expression(run, mask.label)):
        return True
    return any(
        row.op in ("masked_fill", "triu", "tril", "eq", "ne", "where", "logical_not") for row in ancestors(run, mask)
    )


def _rows_of_padding(run: Run) -> BadMask | None:
    """A failed model call whose 2-D mask has other rows than its ids."""
    row = run.failed_row("forward")
    by_label = {tensor.label: tensor for tensor in row.inputs} if row is not None else {}
    ids = next((by_label[label] for label in _WITH_MASK if label in by_label), None)
    mask = by_label.get("attention_mask")
    if row is None or ids is None or mask is None or len(mask.last) != 2 or mask.last[0] == ids.last[0]:
        return None
    rows, got = ids.last[0], mask.last[0]
    place = _times(run, ids, got) or _made_at(run, mask, 0)
    return BadMask(row, mask, (rows, mask.last[1]), 0, rows, got, place, follow(run, mask, 0))


def _multiplied(run: Run, row: Row, mask: TensorArg) -> Location | None:
    """Where the rows of what an attention looks at were multiplied, which those of the mask did not follow."""
    keys = (tensor for label in ("key", "memory", "input", "query") if (tensor := named(row, label)) is not None)
    return next((place for tensor in keys if (place := _times(run, tensor, mask.last[0])) is not None), None)


def _times(run: Run, tensor: TensorArg, rows: int) -> Location | None:
    """Where so many rows of a tensor were repeated, or joined with others of as many."""
    for hop in follow(run, tensor, 0):
        joined = hop.row.kind == "concat" and {part.last[:1] for part in hop.row.inputs} == {(rows,)}
        if hop.changed and (hop.row.op in REPEATING or joined):
            return run.location(hop.row)
    return None


def _three_dims(run: Run) -> BadMask | None:
    """A failed model call whose mask has a query dim and none for the heads: models take (batch, key) or all four dims."""
    row = run.failed_row("forward")
    mask = named(row, "attention_mask") if row is not None else None
    ids = named(row, "input_ids", "inputs_embeds") if row is not None else None
    met = [value.shape for frame in run.frames if not frame.user and frame.op for value in frame.operands]
    if row is None or mask is None or ids is None or len(mask.last) != 3 or mask.last[0] != ids.last[0]:
        return None
    if len(ids.last) != (2 if ids.label == "input_ids" else 3):
        return None  # the ids have too many dims themselves
    if mask.last not in met:
        return None  # something else failed
    return BadMask(
        row, mask, (*mask.last[:1], 1, *mask.last[1:]), 0, 4, 3, run.birth(mask.origin) or run.location(row), [],
        "it has a dim for the queries and none for the heads: a model takes (batch, key), or all of (batch, heads, query, key)",
        "Insert the dim of the heads: `mask[:, None]`, (batch, 1, query, key).",
    )  # fmt: skip
