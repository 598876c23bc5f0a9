"""Rows of unequal length put into one tensor: by a tokenizer, by ``torch.tensor``, or stacked in the user's collation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.contents import made_outside
from shapeguard.analysis.environments import kept_reset
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.last_batch import smaller_last_batch
from shapeguard.analysis.loading import (
    in_default_collate,
    iterating_frame,
    loader_built,
    remote_frames,
    user_remote_frame,
)
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.sides import sides
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, Row

_LENGTHS = re.compile(r"length (\d+).*?got (\d+)")
_TENSOR = frozenset(
    {"tensor", "as_tensor", "LongTensor", "FloatTensor", "IntTensor", "BoolTensor", "asarray", "array", "stack"}
)
KEPT_RESET = "observations and results of `reset`"
ONE_BY_ONE = "texts tokenized one by one"
_FIELD = re.compile(r"features \(`(\w+)` in this case\)")
_CHANNELS = 2  # a stereo take
_WHOLE = ("int64", "int32", "bool", "uint8")


class Ragged(NamedTuple):
    """What could not be put together, the two lengths where they are known, and where to pad."""

    what: str
    lengths: tuple[int, int] | None
    location: Location | None
    failed: FailedOp | None
    padded: bool  # whether padding was asked for, so that what is ragged is not the ids


def ragged(run: Run) -> Ragged | None:
    """The failure as rows of unequal length in one tensor."""
    if run.failure is None:
        return None
    found = _tokenizer(run) or _lists(run) or _converted(run) or _stacked(run) or _joined(run) or _numpy(run)
    pairs = found is not None and found.what == "lists" and (found.lengths is None or 2 in found.lengths)
    reset = kept_reset(run) if pairs else None
    return found._replace(location=reset, what=KEPT_RESET) if found is not None and reset is not None else found


# -- a tokenizer that was to return tensors --------------------------------------------------------------------------


def _tokenizer(run: Run) -> Ragged | None:
    row = run.failed_row("tokenizer")
    if (
        row is None
        or run.failure is None
        or run.failure.exception.type != "ValueError"
        or row.args.get("return_tensors") is None
    ):
        return None
    lengths = _said(run)
    padding = row.args.get("padding") not in (None, False, "do_not_pad") or row.op.endswith(".pad")
    if padding and (row.args.get("pad_token_id") is None or lengths is None):
        return None
    texts = row.args.get("texts")
    field = _FIELD.search(run.failure.exception.message) if padding else None
    written = _written_field(run, field[1]) if field is not None else None
    return Ragged(
        f"{texts} rows" if isinstance(texts, int) and texts > 1 else "rows",
        lengths,
        written or _asked(run, row),
        None,
        padding,
    )


def _written_field(run: Run, name: str) -> Location | None:
    """The one place where the program gives a sample this field, ``"labels": ids``: what the tokenizer does not know it does not pad."""
    found = [
        (file, value.lineno)
        for file, node in run.nodes(ast.AST)
        for key, value in _fields(node)
        if isinstance(key, ast.Constant) and key.value == name
    ]
    return run.place(*found[0]) if len(found) == 1 else None


def _fields(node: ast.AST) -> Iterator[tuple[ast.expr | None, ast.expr]]:
    """The keys that a node gives values: ``{"labels": ids}``, ``sample["labels"] = ids``."""
    match node:
        case ast.Dict(keys=keys, values=values):
            yield from zip(keys, values, strict=True)
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
            yield key, value


def _said(run: Run) -> tuple[int, int] | None:
    """The two lengths as torch named them: the lists themselves are not recorded."""
    texts = [cause.message for cause in run.failure.causes] if run.failure is not None else []
    found = next((match for text in texts if (match := _LENGTHS.search(text))), None)
    return (int(found[1]), int(found[2])) if found else None


def _asked(run: Run, row: Row) -> Location | None:
    """The call that asked for tensors: in a library's collator that is the statement that gave the collator to the loader."""
    if iterating_frame(run) is not None and run.user_frame == iterating_frame(run):
        return loader_built(run) or run.location(row)
    return run.location(row)


# -- lists and stacks -----------------------------------------------------------------------------------------------


def _lists(run: Run) -> Ragged | None:
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.clash.role != "length" or failed.op not in _TENSOR:
        return None
    sizes = failed.clash.sizes
    return Ragged("lists", (sizes[0], sizes[1]), _tokenized_here(run) or _here(run), failed, False)


def _converted(run: Run) -> Ragged | None:
    """Nested lists given to a conversion that the recording does not see (``torch.LongTensor(rows)``)."""
    frame = run.user_frame
    if run.failure is None or frame is None or frame.op not in _TENSOR or run.failure.exception.type != "ValueError":
        return None
    lengths = _LENGTHS.search(run.failure.exception.message)
    if lengths is None:
        return None
    where = _tokenized_here(run) or _rows_made(run, frame) or _here(run)
    return Ragged("lists", (int(lengths[1]), int(lengths[2])), where, None, False)


def _rows_made(run: Run, frame: FrameInfo) -> Location | None:
    """Where the rows were made that a comprehension hands to the conversion."""
    node = parsed_text(frame.expression)
    if node is None:
        return None
    rows = node.args[0] if isinstance(node, ast.Call) and node.args else None
    if not isinstance(rows, ast.ListComp):
        return None
    found = climbs(run.sources, chain_of_frames(run, frame), rows.generators[0].iter, whole=True)
    spots = [spot for spot in (found[0].spots if found else ()) if spot.kind not in ("use", "outside", "parameter")]
    return run.at(spots[-1]) if spots else None


def _tokenized_here(run: Run) -> Location | None:
    """The tokenizer call of several texts in the failing function that was not told to pad."""
    frame = run.user_frame
    for row in reversed(run.rows):
        if row.kind == "tokenizer" and frame is not None and row.args.get("padding") in (None, False, "do_not_pad"):
            site = (
                run.recording.sites[run.recording.chains[row.chain].sites[0]]
                if run.recording.chains[row.chain].sites
                else None
            )
            texts = row.args.get("texts")
            if (
                site is not None
                and site.function == frame.function
                and isinstance(texts, int)
                and texts > 1
                and not row.outputs
            ):
                return run.location(row)
    return None


def _stacked(run: Run) -> Ragged | None:
    """Rows of token ids, or sequences in a collation of the user's own, that differ in their length."""
    failed = failed_op(run)
    if (
        failed is None
        or failed.op != "stack"
        or failed.clash is None
        or failed.clash.dim != 0
        or in_default_collate(run)
        or smaller_last_batch(run, failed) is not None
    ):
        return None
    shapes = [shape for _, shape in failed.call.tensors]
    dtypes = {getattr(value, "dtype", "") for value in failed.operands.values()}
    rows = all(len(shape) == 1 for shape in shapes) and dtypes <= set(_WHOLE)
    channels = all(len(shape) == 2 and shape[0] <= _CHANNELS < shape[1] for shape in shapes)  # of sound
    sequences = all(1 <= len(shape) <= 2 for shape in shapes) and iterating_frame(run) is not None and not channels
    encoded = _encoded(run, failed) if not rows and all(len(shape) == 2 for shape in shapes) else None
    if not rows and not sequences and encoded is None:
        return None
    sizes = (failed.clash.sizes[0], failed.clash.sizes[1])
    return Ragged("tensors", sizes, encoded or _here(run), failed, False)


def _encoded(run: Run, failed: FailedOp) -> Location | None:
    """Where lists of ids were made, or filled up, that were fed to an encoder one by one and whose states are then stacked."""
    born = [of.hops[-1].row for of in sides(run, failed) if of.hops]
    ids = [row for row in born if row.op in _TENSOR and row.outputs and row.outputs[0].dtype in ("int64", "int32")]
    alike = len(ids) == 2 and run.at_one_place(*ids)
    return (made_outside(run, ids[1], padded=True) or run.location(ids[1])) if alike else None


def _joined(run: Run) -> Ragged | None:
    """Texts that were tokenized one by one, ``(1, seq)`` each, and are joined along the batch."""
    failed = failed_op(run)
    if failed is None or family(failed.op) != "concat" or failed.clash is None or failed.clash.dim != 1:
        return None
    born = [value.origin for value in failed.operands.values()]
    texts = [row for row in map(run.row, born) if row is not None and row.kind == "tokenizer"]
    flat = all(len(shape) == 2 and shape[0] == 1 for shape in (shape for _, shape in failed.call.tensors))
    if not flat or len(texts) < 2 or len(texts) != len(born) or len({row.chain for row in texts}) != 1:
        return None
    sizes = (failed.clash.sizes[0], failed.clash.sizes[1])
    return Ragged(ONE_BY_ONE, sizes, run.location(texts[0]), failed, False)


def _numpy(run: Run) -> Ragged | None:
    """numpy's word for rows of unequal length; in a worker only the text of it arrives."""
    message = run.failure.exception.message if run.failure is not None else ""
    frame = run.user_frame
    lengths = _LENGTHS.search(message)
    if remote_frames(run) and "expected sequence of length" in message and lengths and not in_default_collate(run):
        place = user_remote_frame(run)
        location = run.at(place) if place is not None else loader_built(run)
        return Ragged("lists", (int(lengths[1]), int(lengths[2])), location, None, False)
    if frame is not None and frame.op in ("array", "asarray", "stack") and "inhomogeneous" in message:
        return Ragged("lists", None, _here(run), None, False)
    return None


def _here(run: Run) -> Location | None:
    return run.statement_of(run.user_frame) if run.user_frame is not None else None
