"""Placeholder tokens against feature rows: how many of each there were when a model put the one in place of the other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import NamedTuple

from shapeguard.analysis.climb import Spot, climb, climbs
from shapeguard.analysis.climbing.arguments import default
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, NamedValue, Row, Site, TensorArg

_TOKENS = re.compile(r"(^|_)(num|n)_.*tokens?$|placeholder_(count|tokens)")
_PLACES = re.compile(r"(special|image|video|audio|speech|placeholder)\w*_mask$")
_FEATURES = re.compile(r"(features|embeds|embeddings)$")
_RESULT = re.compile(r"indexing result of shape \[(\d+)")
_WRITTEN = frozenset({"argument", "assign", "constant", "entry", "default", "attribute", "option"})
_PLACEHOLDER = re.compile(r"image|img|audio|video|vision|media|speech|patch|placeholder|soft", re.IGNORECASE)
_SCATTER = frozenset({"masked_scatter", "masked_scatter_", "setitem", "index_put", "index_put_"})


class Placeholders(NamedTuple):
    """How many placeholders stood in the ids, how many feature rows there were, and the operands that show it.

    ``mask`` and ``source`` are those of a write by hand; a model that counted for itself has none. ``row`` is a write that went through.
    """

    tokens: int | None
    features: int
    views: tuple[NamedValue, ...]
    mask: NamedValue | TensorArg | None = None
    source: NamedValue | TensorArg | None = None
    row: Row | None = None


def placeholders(run: Run) -> Placeholders | None:
    """The failure as a wrong number of placeholders, or a write that left features over; None where there is neither."""
    if run.failure is None:
        return next(_left_over(run), None)
    found = counted(run) or _scattered(run)
    # As many rows as placeholders: it is their width that does not fit.
    return found if found is not None and found.tokens != found.features else None


def _left_over(run: Run) -> Iterator[Placeholders]:
    """Writes that took fewer feature rows than there were: ``masked_scatter`` does not mind."""
    for row in run.of_kind("op"):
        true, given = row.args.get("mask_count"), {tensor.label: tensor for tensor in row.inputs}
        into, mask, source = given.get("input"), given.get("mask"), given.get("source")
        if type(true) is not int or into is None or mask is None or source is None or row.error:
            continue
        if len(source.last) < 2 or source.last[-1] != into.last[-1] or source.last == into.last or not source.last[-1]:
            continue
        tokens = true * prod(into.last) // max(prod(mask.last), 1) // into.last[-1]
        features = prod(source.last[:-1])
        if tokens < features and marks_ids(run, mask):
            yield Placeholders(tokens, features, (), mask, source, row)


def counted(run: Run) -> Placeholders | None:
    """A model that counted both and refused: the counts are locals of the frame that compared them."""
    if run.failed_row("forward") is None:
        return None
    for frame in reversed(run.frames):
        if frame.user:
            return None
        tokens = next((v for v in frame.locals if _TOKENS.search(v.expression) and _number(v) is not None), None)
        given = [
            v for v in frame.locals if v.shape and len(v.shape) > 1 and _FEATURES.search(v.expression) and _is_image(v)
        ]
        features = next((v for v in given if v.expression.endswith("features")), next(iter(given), None))
        if tokens is not None and features is not None:
            return Placeholders(_number(tokens), prod((features.shape or ())[:-1]), (tokens, features))
        if (masked := _by_mask(frame)) is not None:
            return masked
    return None


def _by_mask(frame: FrameInfo) -> Placeholders | None:
    """The counts of a frame that knows the places by a mask of truth values only."""
    mask = next((v for v in frame.locals if _PLACES.search(v.expression) and type(v.value) is int and v.shape), None)
    wide = [v for v in frame.locals if v.shape and len(v.shape) > 1 and v.dtype.startswith(("float", "bfloat"))]
    embeds = next((v for v in wide if v.expression.startswith("input")), None)
    if mask is None or embeds is None or embeds.shape is None or type(mask.value) is not int:
        return None
    width = embeds.shape[-1]
    features = next((v for v in wide if v is not embeds and v.shape and v.shape[-1] == width), None)
    if features is None or features.shape is None:
        return None
    tokens = mask.value // width if mask.shape == embeds.shape else mask.value
    return Placeholders(tokens, prod(features.shape[:-1]), (mask, features))


def _is_image(value: NamedValue) -> bool:
    """Features are what is put in; the embeddings of the text are what they are put into, and the encoder's input is neither."""
    return not value.expression.startswith("input")


def _number(value: NamedValue) -> int | None:
    if isinstance(value.value, list) and value.shape == () and len(set(value.value)) == 1:
        return int(value.value[0])
    return value.value if type(value.value) is int else None


def _scattered(run: Run) -> Placeholders | None:
    """A masked write whose mask marks placeholder ids: it was made by comparing ids with an id."""
    failed = failed_op(run)
    if failed is None or failed.op not in _SCATTER or run.failure is None:
        return None
    values = list(failed.operands.values())
    mask = next((v for v in values if getattr(v, "dtype", "") == "bool"), None)
    source = next((v for v in reversed(values) if getattr(v, "dtype", "").startswith(("float", "bfloat"))), None)
    shape = source.last if isinstance(source, TensorArg) else source.shape if source is not None else None
    if mask is None or source is values[0] or not shape or len(shape) < 2 or not marks_ids(run, mask):
        return None
    said = _RESULT.search(run.failure.exception.message)
    return Placeholders(int(said[1]) if said else None, prod(shape[:-1]), (), mask, source)


def marks_ids(run: Run, mask: TensorArg | NamedValue) -> bool:
    """Whether a mask was made by comparing whole numbers with one of them."""
    for row in ancestors(run, mask):
        if row.op in ("eq", "isin", "ne") and row.inputs and row.inputs[0].dtype.startswith("int"):
            return True
    return False


# -- where the number of placeholders was decided ---------------------------------------------------------------------


def tokenized(run: Run) -> Row | None:
    """The tokenizer call behind the ids of the failed call, else the latest one."""
    near = next((row for row in _behind(run) if row.kind == "tokenizer"), None)
    return near or next((row for row in reversed(run.rows) if row.kind == "tokenizer"), None)


def _behind(run: Run) -> Iterator[Row]:
    call = run.failed_row("forward", "generate")
    ids = next((t for t in call.inputs if t.label in ("input_ids", "inputs")), None) if call is not None else None
    return ancestors(run, ids) if ids is not None else iter(())


def was_cut(row: Row) -> bool:
    """Whether a tokenizer call cut its longest text: its rows are exactly as long as they may be."""
    longest = row.args.get("max_length")
    cut = row.args.get("cut")
    if isinstance(cut, list):
        return any(cut)
    lengths = row.args.get("row_lengths")
    return (
        bool(row.args.get("truncation"))
        and isinstance(lengths, list)
        and isinstance(longest, int)
        and longest in lengths
    )


def count_written(run: Run, row: Row) -> Location | None:
    """Where the number of placeholders in a tokenizer's text was decided: the processor that wrote them."""
    sites = run.chain(row)
    call = call_of(run.expression(row))
    if call is None or not sites:
        return None
    maker = climbs(run.sources, sites, call.func, whole=True)
    for trail in maker[:1]:
        last = trail.spots[-1]
        if last.line and "rocessor" in last.node_text and last.kind != "use":
            return run.at(last)
    texts = [*call.args, *(k.value for k in call.keywords if k.arg in ("text", "texts", "prompt", "data"))]
    counts = [count for node in texts for count in _repeated(node)]
    for node in (*counts, *texts[:2]):
        for trail in climbs(run.sources, sites, node):
            last = trail.spots[-1]
            if last.kind == "constant" and any(spot.kind == "return" for spot in trail.spots):
                continue  # a function reckoned it: none of its constants is the count
            if _beside_count(run, trail.spots):
                continue
            if last.kind == "default" and (reckoned := _reckoned(trail.spots)) is not None:
                return run.at(reckoned)
            if last.kind in _WRITTEN and len(trail.spots) > 1 and not _is_text(last.node_text):
                return run.at(last)
    return None


def _reckoned(spots: tuple[Spot, ...]) -> Spot | None:
    """The ``return frames // self.downsample`` of a function that reckons a count: the default that it divides by is not the count."""
    for spot in spots:
        node = parsed_text(spot.node_text) if spot.kind == "return" and spot.line else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Div):
            return spot
    return None


def _beside_count(run: Run, spots: tuple[Spot, ...]) -> bool:
    """Whether a way leads past a repetition of placeholders, to another part of the text in which they stand."""
    for spot, following in pairwise(spots):
        counts = [ast.unparse(count) for count in _counts_in(spot)]
        if counts and not _counts_in(following):
            said = {following.node_text, *(_defaulted(run, following) if following.kind == "default" else ())}
            return following.kind != "return" and not any(text in count for count in counts for text in said)
    return False


def _defaulted(run: Run, spot: Spot) -> Iterator[str]:
    """The parameters that have what a spot says for their default."""
    function = run.sources[spot.file].function_at(spot.line)
    if isinstance(function, ast.FunctionDef):
        for arg in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            value = default(function.args, arg.arg)
            if value is not None and ast.unparse(value) == spot.node_text:
                yield arg.arg


def _counts_in(spot: Spot) -> list[ast.expr]:
    node = parsed_text(spot.node_text)
    return list(_repeated(node)) if node is not None else []


def _is_text(text: str) -> bool:
    """Whether a place says a placeholder, and not how often it stands there."""
    node = parsed_text(text)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def repeated_at(run: Run) -> Location | None:
    """Where the user's code says how often a placeholder is repeated: ``[IMAGE] * n``, ``"<image>" * n``, or the function of theirs that counts n.

    None where there is no such statement, or more than one.
    """
    found = _repetition(run)
    return reckoned_at(run) or (run.place(found[0], found[1].lineno) if found is not None else None)


def reckoned_at(run: Run) -> Location | None:
    """The return of the user's function that reckons how often a placeholder is repeated."""
    found = _repetition(run)
    return _counted_in(run, *found) if found is not None else None


def _repetition(run: Run) -> tuple[str, ast.stmt] | None:
    """(file, statement) of the one repetition of a placeholder in the user's code."""
    found = [
        (file, statement)
        for file in run.recording.sources
        for statement in ast.walk(run.sources[file].tree or ast.Module([], []))
        if isinstance(statement, ast.stmt) and not hasattr(statement, "body") and _repeats_placeholder(statement)
    ]
    return found[0] if len(found) == 1 else None


def _counted_in(run: Run, file: str, statement: ast.stmt) -> Location | None:
    """The statement of a function that returns how many placeholders there are."""
    site = Site(0, file, statement.lineno, statement.end_lineno or statement.lineno)
    for count in _repeated(statement):
        trail = climb(run.sources, [site], count) if isinstance(count, ast.Call) else []
        back = next((number for number, spot in enumerate(trail) if spot.kind == "return" and spot.line), None)
        if back is not None:
            spot = trail[back + 1] if _of_one_name(trail, back) else trail[back]
            return run.at(spot)
    return None


def _of_one_name(trail: list[Spot], back: int) -> bool:
    """Whether what a function returns is reckoned from the one name that it assigned before, and from numbers."""
    node = parsed_text(trail[back].node_text)
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node is not None else set()
    plain = node is not None and not any(isinstance(part, ast.Attribute | ast.Call) for part in ast.walk(node))
    nexts = trail[back + 1 : back + 2]
    return plain and len(names) == 1 and bool(nexts) and nexts[0].kind == "assign" and nexts[0].line > 0


def _repeats_placeholder(statement: ast.stmt) -> bool:
    repeats = (part for part in ast.walk(statement) if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult))
    repeated = (part.left for part in repeats)
    items = (item for one in repeated for item in (one.elts if isinstance(one, ast.List) else [one]) if _is_token(one))
    return any(_PLACEHOLDER.search(ast.unparse(item)) for item in items)


def _is_token(node: ast.expr) -> bool:
    """A list of ids, or a text."""
    return isinstance(node, ast.List | ast.JoinedStr) or (isinstance(node, ast.Constant) and type(node.value) is str)


def _repeated(node: ast.AST) -> Iterator[ast.expr]:
    """The counts in ``[IMAGE] * n`` and ``"<image>" * n``."""
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, ast.List | ast.JoinedStr) or (
                    isinstance(one, ast.Constant) and isinstance(one.value, str)
                ):
                    yield other
