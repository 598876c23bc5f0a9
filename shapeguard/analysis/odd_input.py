"""Inputs of a model's call that do not belong together: one of them has another length or number of rows than the ids."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.caches import named
from shapeguard.analysis.causes import REPEATING
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.contents import FROM_OUTSIDE, made_outside
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.values.findings import LineageStep, Location
from shapeguard.values.recording import Row, TensorArg

_LEADING = (
    "input_ids",
    "inputs_embeds",
    "decoder_input_ids",
    "pixel_values",
    "input_features",
    "input_values",
    "inputs",
)
_DIMS = ("rows", "positions")


class OddInput(NamedTuple):
    """The input that does not fit, the one that it should fit, and their sizes in the dimension in which they differ."""

    odd: TensorArg
    leading: TensorArg
    dim: int
    location: Location | None
    lineage: tuple[LineageStep, ...]

    @property
    def sizes(self) -> tuple[int, int]:
        """The leading input's size, and the odd one's."""
        return self.leading.last[self.dim], self.odd.last[self.dim]

    @property
    def counted(self) -> str:
        """What the sizes count."""
        return _DIMS[self.dim]

    @property
    def told(self) -> str:
        """What the model was given."""
        size, other = self.sizes
        return (
            f"The model was given `{self.leading.label}` with {size} {self.counted} and `{self.odd.label}` with {other}"
        )


def odd_input(run: Run, sizes: tuple[int, ...], among: frozenset[str] | None = None) -> OddInput | None:
    """The input of the failed model call, of those that are asked for, whose size clashes with another's inside, as these two."""
    call = run.failed_row("forward")
    leading = _leading(call) if call is not None else None
    if call is None or leading is None or len(sizes) != 2:
        return None
    for dim in range(min(2, len(leading.last))):
        for tensor in call.inputs:
            if (among is None or tensor.label in among) and _is_odd(tensor, leading, dim, sizes):
                hops = follow(run, tensor, dim)
                place = _followed(run, call, tensor, leading, dim) or _location(run, tensor, leading, dim)
                return OddInput(tensor, leading, dim, place, steps(run, hops))
    return None


def _leading(call: Row) -> TensorArg | None:
    by_label = {tensor.label: tensor for tensor in call.inputs}
    return next((by_label[label] for label in _LEADING if label in by_label), None)


def _is_odd(tensor: TensorArg, leading: TensorArg, dim: int, sizes: tuple[int, ...]) -> bool:
    plain = tensor is not leading and "." not in tensor.label and len(tensor.last) > dim
    fits_elsewhere = plain and dim == 1 and tensor.last[0] != leading.last[0]
    if not plain or fits_elsewhere:
        return False
    clash = {tensor.last[dim], leading.last[dim]}
    beside = leading.last[1 - dim] if len(leading.last) > 1 else 1
    folded = {beside * size for size in clash}  # a loss takes all positions of all rows
    return len(clash) == 2 and set(sizes) in (clash, folded)


def lengthened(run: Run, found: OddInput) -> bool:
    """Whether the leading input was made longer by what was put before or behind it, and the odd one was not."""
    return _joined(run, found.leading, found.dim) is not None


def _followed(run: Run, call: Row, odd: TensorArg, leading: TensorArg, dim: int) -> Location | None:
    """Where another input, a mask, was made as long as the leading one: there the odd one is to be lengthened, too."""
    if dim != 1 or odd.last[dim] >= leading.last[dim] or _joined(run, leading, dim) is None:
        return None
    beside = [t for t in call.inputs if t not in (odd, leading) and len(t.last) == 2 and t.last[1] == leading.last[dim]]
    made = next((row for tensor in beside if (row := _joined(run, tensor, 1)) is not None), None)
    return run.location(made) if made is not None else None


def _joined(run: Run, tensor: TensorArg, dim: int) -> Row | None:
    return next((hop.row for hop in follow(run, tensor, dim) if hop.changed and hop.row.kind == "concat"), None)


def _location(run: Run, tensor: TensorArg, leading: TensorArg, dim: int) -> Location | None:
    """Where the odd size was made; where a helper made both, the call of it that made this one."""
    hops, others = follow(run, tensor, dim), follow(run, leading, dim)
    if (
        dim == 0
        and (repeated := next((hop for hop in others if hop.row.op in REPEATING and hop.changed), None)) is not None
    ):
        return run.location(repeated.row)  # behind it the other is to be repeated, too
    if not hops:
        return None
    last = hops[-1]
    apart = callers_part(run, last.row, others[-1].row) if others else None
    if last.row.op in FROM_OUTSIDE or last.changed:
        return made_outside(run, last.row, padded=True) or apart or run.location(last.row)
    return None


def entry_of(run: Run, label: str, call: Row | None) -> Location | None:
    """The dict literal in which an input was handed to a failed call, where it was given as one of ``**batch``."""
    mappings = given_as(run.expression(call), None) if call is not None else []
    if call is None or len(mappings) != 1:
        return None
    for trail in climbs(run.sources, run.chain(call), mappings[0], whole=True):
        for spot in trail.spots:
            match parsed_text(spot.node_text):
                case ast.Dict(keys=keys) if any(isinstance(key, ast.Constant) and key.value == label for key in keys):
                    return run.at(spot)
    return None


def handed_on(run: Run) -> TensorArg | None:
    """The input of the failed model call that the library was at work on: the model's ``forward`` handed it, alone, to what failed."""
    call = run.failed_row("forward")
    by_label = {tensor.label: tensor for tensor in call.inputs} if call is not None else {}
    for frame in reversed(run.frames[:-1]):
        if frame.user:
            return None
        tensors = [value for value in frame.operands if value.shape and value.expression.isidentifier()]
        named = [by_label[value.expression] for value in tensors if value.expression in by_label]
        if frame.function.endswith(".forward") and named:
            return named[0] if len(tensors) == 1 else None
    return None


def for_other_rows(call: Row) -> bool:
    """Whether a call was given positions for another number of rows than it was given ids for."""
    ids, positions = named(call, "input_ids", "inputs_embeds"), named(call, "position_ids")
    return ids is not None and positions is not None and positions.last[0] not in (1, ids.last[0])


def kept_from_before(run: Run, tensor: TensorArg, dim: int) -> Location | None:
    """Where a size was made in another call of the program's than the one that failed: an object has kept it since."""
    outermost = next((frame for frame in run.frames if frame.user), None)
    for hop in follow(run, tensor, dim):
        sites = [site for site in run.chain(hop.row) if outermost is not None and site.file == outermost.file]
        if sites and outermost is not None and sites[-1].line != outermost.line:
            return run.location(hop.row) if len(sites) > 1 else None
    return None
