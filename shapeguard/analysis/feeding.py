"""What was fed: the tensor in the user's frames whose length went into the failed call, and where that length was chosen."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.lineage import Hop, birth, follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, NamedValue, Row

_INPUTS = frozenset({"input_ids", "inputs_embeds", "inputs", "decoder_input_ids"})
_CONCAT = frozenset({"cat", "concat", "concatenate", "hstack"})


class Fed(NamedTuple):
    """A tensor handed to a call in a frame of the user's, one of whose dims has the length in question."""

    frame: FrameInfo
    value: NamedValue
    dim: int
    hops: tuple[Hop, ...]

    @property
    def born(self) -> Row | None:
        """The event that made the length."""
        made = birth(list(self.hops))
        return made.row if made is not None else None


def fed(run: Run, length: int) -> Fed | None:
    """The model's input, else the outermost operand of the user's frames, that has this length behind its batch dim and
    was seen being made."""
    call = run.failed_row("generate", "forward") if run.user_frame is not None else None
    for tensor in call.inputs if call is not None else ():
        if tensor.label in _INPUTS and len(tensor.last) > 1 and tensor.last[1] == length and tensor.origin is not None:
            value = NamedValue(tensor.label, tensor.label, tensor.last, dtype=tensor.dtype, origin=tensor.origin)
            return Fed(_calling(run), value, 1, tuple(follow(run, tensor, 1)))
    for frame in run.frames:
        for value in frame.operands if frame.user else ():
            dims = [
                d
                for d, size in enumerate(value.shape or ())
                if size == length and (d > 0 or len(value.shape or ()) == 1)
            ]
            if dims and value.origin is not None:
                return Fed(frame, value, dims[0], tuple(follow(run, value, dims[0])))
    return None


def _calling(run: Run) -> FrameInfo:
    """The user's frame that called into the library."""
    return run.user_frame or run.frames[-1]


def grows(run: Run, row: Row | None) -> bool:
    """Whether a row is a concatenation that is repeated, each time to what it made before: a sequence that grows."""
    if row is None or row.op not in _CONCAT or not row.inputs or not row.outputs:
        return False
    if row.count > 1 and row.outputs[0].first != row.outputs[0].last:
        return True
    before = run.row(row.inputs[0].origin)
    return before is not None and before.op == row.op and run.at_one_place(before, row)


def fed_where(run: Run, length: int, allowed: int) -> Location | None:
    """The line that chose a length beyond what is allowed; None where the length came with the data."""
    source = fed(run, length)
    if source is None:
        return None
    row = source.born
    if grows(run, row):
        return run.statement_of(source.frame)
    tokenizer = next((hop.row for hop in source.hops if hop.row.kind == "tokenizer"), None)
    if tokenizer is not None:
        return cut_where(run, tokenizer, allowed)
    made = birth(list(source.hops))
    if made is not None and made.size_before is not None:
        return _extent(run, made.row, length) or run.location(made.row)
    return None


def _extent(run: Run, row: Row, length: int) -> Location | None:
    """Where the number is written that a slice of this length was told: the 512 of ``chunks(ids, 512)`` for ``ids[i:i + size]``."""
    match parsed_text(run.expression(row)):
        case ast.Subscript(
            slice=ast.Slice(lower=ast.expr() as lower, upper=ast.BinOp(left=left, op=ast.Add(), right=right))
        ):
            trails = (
                climbs(run.sources, run.chain(row), right, value=length) if ast.dump(lower) == ast.dump(left) else ()
            )
        case _:
            return None
    ends = [trail.spots[-1] for trail in trails if trail.spots and trail.spots[-1].node_text == str(length)]
    return run.at(ends[0]) if ends else None


def cut_where(run: Run, tokenizer: Row, allowed: int) -> Location | None:
    """Where a tokenizer's ``max_length`` is written when it is larger than allowed; else the call that sets none."""
    longest = tokenizer.args.get("max_length")
    if isinstance(longest, int) and tokenizer.args.get("truncation") and longest > allowed:
        return setting_written(run, tokenizer, ("max_length",)) or run.location(tokenizer)
    return run.location(tokenizer)
