"""Which way round a mask is: whether true marks what takes part, or what is left out.

``ids != pad`` and the tokenizer's mask mark the tokens, ``ids == pad`` marks the padding; ``mask == 0``, ``~mask`` and
``1 - mask`` turn it round. torch's own functions want both: ``scaled_dot_product_attention`` attends where a mask of truth
values is true, ``nn.MultiheadAttention`` leaves out where its ``key_padding_mask`` is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

Marks = Literal["tokens", "padding"]
_OTHER: dict[Marks, Marks] = {"tokens": "padding", "padding": "tokens"}
_KEEPING = frozenset(
    {"long", "int", "bool", "float", "to", "clone", "contiguous", "unsqueeze", "expand", "repeat", "repeat_interleave",
     "view", "reshape", "getitem", "type", "type_as", "expand_as"}
)  # fmt: skip
_PLAIN = frozenset({"ones", "zeros", "ones_like", "zeros_like", "new_ones", "new_zeros"})
_TURNING = frozenset({"logical_not", "invert", "bitwise_not", "rsub"})
_ATTENDING = frozenset(
    {
        "scaled_dot_product_attention",
        "MultiheadAttention",
        "TransformerEncoder",
        "TransformerEncoderLayer",
        "TransformerDecoder",
    }
)
_MAX_STEPS = 16


class Inverted(NamedTuple):
    """An attention whose mask marks the opposite of what it is taken for, the row that made the mask, and whether that is known.

    A mask that was compared with an id is only taken for a mask of the padding: that id may be any token's.
    """

    row: Row
    mask: TensorArg
    made: Row
    certain: bool


def inverted_masks(run: Run) -> Iterator[Inverted]:
    """Attentions that look at the padding alone."""
    for row in run.rows:
        for mask in row.inputs if not row.error else ():
            wanted = _wanted(row, mask)
            if wanted is None or mask.dtype != "bool":
                continue
            made, marks, certain = marked(run, mask)
            if made is not None and marks == _OTHER[wanted]:
                yield Inverted(row, mask, made, certain)


def plain_triangles(run: Run) -> Iterator[Inverted]:
    """Attentions that add a triangle of ones and zeros to their scores: one and nothing are next to the same, no key is hidden."""
    for row in run.rows:
        for mask in row.inputs if not row.error and (row.kind == "attention" or row.op in _ATTENDING) else ():
            named = mask.label.endswith("mask") and "padding" not in mask.label
            made = run.row(mask.origin) if named and mask.dtype.startswith("float") else None
            ones = (
                run.row(made.inputs[0].origin)
                if made is not None and made.op in ("tril", "triu") and made.inputs
                else None
            )
            if made is not None and ones is not None and ones.op in ("ones", "ones_like", "new_ones"):
                yield Inverted(row, mask, made, True)


def plain_padding(run: Run) -> Iterator[Inverted]:
    """Attentions that add a padding mask of ones and zeros to their scores: the padding is read, and even favoured."""
    for row in run.rows:
        for mask in row.inputs if not row.error and (row.kind == "attention" or row.op in _ATTENDING) else ():
            floats = mask.label.endswith("key_padding_mask") and mask.dtype.startswith(("float", "bfloat"))
            made = _ones_and_zeros(run, mask) if floats else None
            if made is not None:
                yield Inverted(row, mask, made, True)


def _ones_and_zeros(run: Run, mask: TensorArg) -> Row | None:
    """The row that made a mask of numbers of truth values, or of ones and zeros alone; None where it may hold others."""
    tensor = mask
    for _ in range(_MAX_STEPS):
        row = run.row(tensor.origin)
        if row is None:
            return None
        if row.op in _PLAIN:
            written = [other for other in run.rows if other.op == "setitem" and other.inputs[0].origin == row.id]
            told = [other.args.get("value") for other in written]
            return row if told and all(value in (0, 1) for value in told) else None
        if not row.inputs or row.op not in _KEEPING:
            return None
        tensor = row.inputs[0]
        if tensor.dtype == "bool":
            return row
    return None


def turned_triangles(run: Run) -> Iterator[Inverted]:
    """Attentions in which each query looks at what stands behind it and at nothing else: the triangle is the other one's."""
    for row in run.rows:
        sdpa = row.op == "scaled_dot_product_attention"
        for mask in row.inputs if not row.error and (sdpa or row.op in _ATTENDING) else ():
            named = mask.label.endswith("mask") and "padding" not in mask.label
            if (
                not named
                or mask.dtype != "bool"
                or len(mask.last) < 2
                or mask.last[-1] != mask.last[-2]
                or mask.last[-1] < 2
            ):
                continue
            made, future = _triangle(run, mask)
            if made is not None and future is sdpa:
                yield Inverted(row, mask, made, True)


def _triangle(run: Run, mask: TensorArg) -> tuple[Row | None, bool | None]:
    """The row that cut a triangle out of ones, and whether what stands behind each place is true in the mask; else what stands before it."""
    tensor, turned = mask, False
    for _ in range(_MAX_STEPS):
        row = run.row(tensor.origin)
        if row is None or not row.inputs:
            return None, None
        ones = run.row(row.inputs[0].origin)
        if row.op in ("triu", "tril") and ones is not None and ones.op in ("ones", "ones_like", "new_ones"):
            diagonal = row.args.get("diagonal", row.args.get("other", 0))
            if (row.op, diagonal) not in (("triu", 1), ("tril", 0)):
                return None, None
            return row, (row.op == "triu") is not turned
        if _turns(row):
            turned = not turned
        elif row.op not in _KEEPING and (row.op, _number(row)) not in (("eq", 1), ("ne", 0)):
            return None, None
        tensor = row.inputs[0]
    return None, None


def _wanted(row: Row, mask: TensorArg) -> Marks | None:
    """What a mask of truth values must mark there."""
    if row.op == "scaled_dot_product_attention":
        return "tokens" if mask.label == "attn_mask" else None
    return "padding" if mask.label.endswith("key_padding_mask") else None


def marked(run: Run, mask: TensorArg) -> tuple[Row | None, Marks | None, bool]:
    """The row in which a mask was last compared or turned round (else made), what it marks, and whether a tokenizer said so."""
    turned = False
    decided: Row | None = None
    tensor = mask
    for _ in range(_MAX_STEPS):
        row = run.row(tensor.origin)
        if row is None:
            return None, None, False
        if row.kind == "tokenizer":
            index = next((i for i, out in enumerate(row.outputs) if out.label == "attention_mask"), None)
            known = index is not None and decided is not None
            return (decided, "padding" if turned else "tokens", True) if known else (None, None, False)
        told = _compared(run, row)
        if told is not None:
            return decided or row, _OTHER[told] if turned else told, _names_padding(run, row)
        if _turns(row):
            turned = not turned
            decided = decided or row
        elif row.op not in _KEEPING and not (row.op in ("eq", "ne") and _number(row) in (0, 1)):
            return None, None, False
        if not row.inputs:
            return None, None, False
        tensor = row.inputs[0]
    return None, None, False


def _number(row: Row) -> object:
    return row.args.get("other", row.args.get("value"))


def _turns(row: Row) -> bool:
    """Whether a row turns a mask of zeros and ones round."""
    return row.op in _TURNING or (row.op, _number(row)) in (("eq", 0), ("ne", 1))


def _compared(run: Run, row: Row) -> Marks | None:
    """What a comparison of ids with the id of the padding marks; None where it is none, or compares a mask."""
    if row.op not in ("eq", "ne") or not row.inputs or not row.inputs[0].dtype.startswith("int"):
        return None
    if _is_mask(run, row.inputs[0]):
        return None
    return "tokens" if row.op == "ne" else "padding"


def _names_padding(run: Run, row: Row) -> bool:
    """Whether the id compared with is known to be the padding's: by its name, by a tokenizer, a config or an embedding."""
    if "pad" in run.expression(row).lower():
        return True
    number = _number(row)
    told = (
        other.args.get(name)
        for other in run.of_kind("construct", "tokenizer")
        for name in ("pad_token_id", "padding_idx")
    )
    return isinstance(number, int) and number in told


def _is_mask(run: Run, tensor: TensorArg) -> bool:
    """Whether a tensor of ints was made from truth values, or is one that nothing is known of but its name."""
    for _ in range(_MAX_STEPS):
        row = run.row(tensor.origin)
        if row is None or not row.inputs:
            return "mask" in tensor.label or row is None
        if row.inputs[0].dtype == "bool" or row.op in ("eq", "ne", "lt", "gt", "ge", "le", "ones_like", "zeros_like"):
            return True
        if row.kind not in ("op", "concat") or row.op not in _KEEPING:
            return False
        tensor = row.inputs[0]
    return True
