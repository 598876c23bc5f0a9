"""A lookup that failed because an index lies outside the table: in a table of tokens, of positions, or another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.values.recording import NamedValue, Row, TensorArg

Role = Literal["token", "position", "other"]

_ANY_TABLE = re.compile(r"emb|lookup|table|weight|wte|encod|layer|net", re.IGNORECASE)
_POSITION = re.compile(
    r"(^|[._\s(])(pos|position|positions|positional|wpe)(?=$|[._\s(\d])|position_ids|_pos(?=$|[._(])"
)
_TOKEN = re.compile(
    r"(^|[._\s(])(tok|token|tokens|word|words|vocab|wte)(?=$|[._\s(\d])|embed_tokens|vocab_size|input_ids"
)
_TYPE = re.compile(r"token_type|segment")
_OFFSETS = 64  # of positions: padding, a class token, what is cached
_COUNTED = frozenset({"arange", "cumsum", "range", "cumsum_"})
_PASSING = frozenset(
    {"unsqueeze", "expand", "view", "reshape", "to", "long", "repeat", "getitem", "add", "add_", "expand_as"}
)


class Lookup(NamedTuple):
    """The failed lookup: the smallest and largest index, the table's rows, and what the table holds."""

    failed: FailedOp
    ids: NamedValue
    smallest: int
    largest: int
    rows: int
    role: Role

    @property
    def odd(self) -> int:
        """The index that lies outside."""
        return self.smallest if self.smallest < 0 else self.largest


def failed_lookup(run: Run) -> Lookup | None:
    """The failure as a lookup with an index that is known to lie outside of the table."""
    if run.failure is None:
        return None
    failed = failed_op(run)
    if (
        failed is None
        or failed.clash is None
        or failed.clash.kind != "index"
        or family(failed.op) not in ("index", "subscript")
    ):
        return None
    index = _index(failed)
    if index is None or not isinstance(index.value, list):
        return None
    smallest, largest = (int(value) for value in index.value)
    return Lookup(failed, index, smallest, largest, failed.clash.sizes[1], _role(run, failed, index))


def of_types(run: Run) -> bool:
    """Whether the lookup is in a library model's table of neither tokens nor positions: its rows belong to the architecture.

    Token types are such, and the places of words on a page.
    """
    lookup = failed_lookup(run)
    if lookup is None:
        return False
    own = run.failed_row("forward") is not None and lookup.role == "other"
    return own or any(_TYPE.search(word) for word in _words(run, lookup.ids))


def _index(failed: FailedOp) -> NamedValue | None:
    """The operand that holds the indices, with its extremes."""
    values = [v for v in failed.operands.values() if isinstance(v, NamedValue) and isinstance(v.value, list)]
    named = [v for v in values if v.label.startswith(("ind", "input"))] if "mbedding" in failed.op else values
    labelled = [v for v in values if v.label.startswith("ind")]
    return next(iter(labelled or named), None)


def _role(run: Run, failed: FailedOp, index: NamedValue) -> Role:
    words = list(_words(run, index))
    if any(_TYPE.search(word) for word in words):
        return "other"
    if (is_counted(run, index) and not _handed_from_afar(run, index, words)) or (
        any(_POSITION.search(word) for word in words) and not _of_named_things(run)
    ):
        return "other" if _far_off(index) else "position"
    if "mbedding" not in failed.op:
        return "other"
    if (
        any(_TOKEN.search(word) for word in words)
        or _from_tokenizer(run, index)
        or run.failed_row("forward", "generate")
    ):
        return "token"
    return "other"


def _handed_from_afar(run: Run, index: NamedValue, words: Sequence[str]) -> bool:
    """Whether numbers were counted out from 1 by the script and handed to a model that nowhere calls them positions: classes, say."""
    counted = run.row(index.origin)
    place = run.location(counted) if counted is not None and counted.op == "arange" else None
    if place is None or counted is None or counted.args.get("start") != 1 or counted.args.get("end") is None:
        return False
    inside = [frame for frame in run.frames if frame.user and frame.function.endswith(".forward")]
    return "." not in place.function and bool(inside) and not any(_POSITION.search(word) for word in words)


def _of_named_things(run: Run) -> bool:
    """Whether the table has a name that says what it is for, and no word for positions: ``self.tags(pos)``."""
    called = [frame for frame in run.frames if frame.user or frame.function.endswith(".forward")][-2:]
    direct = len(called) == 2 and called[0].user and called[1].function == "Embedding.forward"
    named = (operand.expression for operand in called[0].operands if operand.label == "callee") if direct else ()
    callee = next(iter(named), "")
    name = callee.rpartition(".")[2]
    return bool(name) and not _POSITION.search(name) and not _ANY_TABLE.search(name)


def _far_off(index: NamedValue) -> bool:
    """Whether indices lie far beyond what there are of them in a row: coordinates, and no positions of tokens."""
    length = index.shape[-1] if index.shape else 0
    return isinstance(index.value, list) and int(index.value[1]) > 4 * length + _OFFSETS


def _words(run: Run, index: NamedValue) -> Iterator[str]:
    """What the lookup is called by: the path of its module, the callee and the index in the frames below the model's."""
    yield index.expression
    for frame in reversed(run.frames):
        if frame.module:
            yield frame.module.rpartition(".")[2]
        for operand in frame.operands:
            if operand.label == "callee" or (operand.shape == index.shape and operand.value == index.value):
                yield operand.expression
        if frame.user:
            yield from _constructor(run)
            return


def _constructor(run: Run) -> Iterator[str]:
    """The expression that built the table."""
    for frame in reversed(run.frames):
        row = run.row(frame.owner)
        if row is not None and row.kind == "construct" and row.op == "Embedding":
            yield run.expression(row)
            return


def is_counted(run: Run, index: NamedValue) -> bool:
    """Whether the indices were counted (arange, cumsum) rather than looked up."""
    row = run.row(index.origin)
    for _ in range(12):
        if row is None or row.op in _COUNTED:
            return row is not None
        if row.op not in _PASSING or not row.inputs:
            return False
        row = run.row(row.inputs[0].origin)
    return False


def given_as(run: Run, index: NamedValue | TensorArg) -> NamedValue | TensorArg:
    """The tensor that a model was given under the name which an index of unknown origin has in the model's own code."""
    call = run.failed_row("forward")
    if index.origin is not None or call is None or not isinstance(index, NamedValue):
        return index
    alike = [v.expression for f in run.frames if not f.user for v in f.operands if v.shape == index.shape]
    names = {found[0] for text in alike if (found := re.match(r"\w+", text)) is not None}
    return next((tensor for tensor in call.inputs if tensor.label in names), index)


def length_of(run: Run, index: NamedValue | TensorArg) -> Row | None:
    """What counted the entries whose number is taken for an index as it is: the last of ``n`` stands at ``n - 1``."""
    row = run.row(index.origin)
    for _ in range(12):
        if row is None or row.op in ("sum", "count_nonzero"):
            return row
        if row.op not in _PASSING - {"add", "add_"} or not row.inputs:
            return None
        row = run.row(row.inputs[0].origin)
    return None


def _from_tokenizer(run: Run, index: NamedValue) -> bool:
    return any(row.kind == "tokenizer" for row in ancestors(run, index))


def tokenizer_behind(run: Run, index: NamedValue) -> Row | None:
    """The tokenizer call whose ids stand behind an index; else the latest one of the run."""
    near = next((row for row in ancestors(run, index) if row.kind == "tokenizer"), None)
    return near or next((row for row in reversed(run.rows) if row.kind == "tokenizer"), None)


def given_ids(run: Run, index: NamedValue) -> NamedValue | TensorArg:
    """The ids that the user's code gave the library's model in which they were looked up, where it made others of them."""
    given = run.failed_row("generate") or run.failed_row("forward")
    ids = named(given, "input_ids") if given is not None and index.origin is None else None
    return ids if ids is not None else index


def fill_of(run: Run, index: NamedValue | TensorArg, value: int) -> Row | None:
    """The op that wrote this very value into the indices: a fill, a pad, a masked_fill."""
    for row in ancestors(run, index):
        if row.kind == "op" and row.op in _FILLS and value in _numbers(row):
            return row
    return None


def overwritten(run: Run, index: NamedValue | TensorArg, value: int) -> Row | None:
    """The write in place that put this value among the indices, perhaps through another name for the same tensor."""
    for row in reversed(run.rows) if index.origin is not None else ():
        if (
            row.op in _FILLS
            and row.inputs
            and row.inputs[0].origin == index.origin
            and (value in _numbers(row) or _copies_outside(run, row, value))
            and not row.outputs
        ):
            return row
    return None


def _copies_outside(run: Run, row: Row, value: int) -> bool:
    """Whether a write copies ids from a batch made outside of torch, where a value below 0 stands in no constant of the run."""
    given = next((tensor for tensor in row.inputs[1:] if tensor.label == "value"), None)
    return value < 0 and given is not None and any(behind.op in FROM_OUTSIDE for behind in ancestors(run, given))


_FILLS = frozenset(
    {"masked_fill", "masked_fill_", "full", "full_like", "new_full", "pad", "pad_sequence", "fill_", "where", "setitem"}
)


def _numbers(row: Row) -> list[int]:
    return [value for name, value in row.args.items() if type(value) is int and name not in ("dim", "size")]
