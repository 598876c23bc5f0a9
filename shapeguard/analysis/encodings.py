"""A tokenizer's whole result given where its ids are wanted: it is a dictionary of tensors and has no shape.

``apply_chat_template`` gives the ids alone in transformers 4 and everything the tokenizer made from version 5 on.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.run import Run
from shapeguard.values.recording import NamedValue, Row
from shapeguard.values.shapes import format_shape

_ENCODINGS = frozenset({"BatchEncoding", "BatchFeature"})


class WholeEncoding(NamedTuple):
    """What was handed over, as the user's line names it, and the tokenizer's call that made it."""

    value: NamedValue
    made: Row


def given_whole(run: Run) -> WholeEncoding | None:
    """The tokenizer's result that something failed on because it is not a tensor; None where that is not why."""
    failure = run.failure
    asked = failure is not None and failure.exception.type in ("AttributeError", "TypeError")
    if failure is None or not (asked or (run.inner_frame is not None and run.inner_frame.op in FROM_OUTSIDE)):
        return None
    taken = {value.origin for frame in failure.frames[-2:] for value in frame.operands if value.type in _ENCODINGS}
    frame = run.user_frame
    for value in frame.operands if frame is not None else ():
        made = run.row(value.origin) if value.type in _ENCODINGS and value.origin in taken else None
        if made is not None and made.kind == "tokenizer":
            return WholeEncoding(value, made)
    return None


def encoding_name(run: Run, row: Row) -> str:
    """What the user's line calls the whole result of a tokenizer's call; empty where it keeps a part of it only."""
    place = run.location(row)
    match run.sources[place.file].statement(place.line) if place is not None else None:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name() | ast.Attribute() as called)):
            moved = isinstance(called, ast.Attribute) and called.attr != "to" and isinstance(called.value, ast.Call)
            return "" if moved else name
    return ""


def is_template(row: Row) -> bool:
    """Whether a tokenizer's call wrote a chat template."""
    return row.op.endswith(".apply_chat_template")


def listed(row: Row) -> str:
    """The tensors of a tokenizer's result with their shapes, in words."""
    tensors = [f"`{tensor.label}` {format_shape(tensor.last)}" for tensor in row.outputs]
    return " and ".join(tensors) or "lists"
