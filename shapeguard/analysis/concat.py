"""A failed concatenation: which operands do not fit, and what the disagreeing dimension is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from shapeguard.analysis.blame import suspect
from shapeguard.analysis.causes import Cause, cause
from shapeguard.analysis.claimed import claimed
from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.failed import FailedOp, failed_op
from shapeguard.analysis.lineage import RECURRENT, follow
from shapeguard.analysis.normalised import dim_told
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import Clash
from shapeguard.analysis.sides import sides
from shapeguard.analysis.source import parsed_text
from shapeguard.values.recording import NamedValue, TensorArg

CONCAT = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"})
CUTTING = frozenset({"chunk", "split", "tensor_split", "split_with_sizes"})
_REPEATING = frozenset({"repeat_interleave", "repeat", "tile"})
_KEYS_RANK, _KEYS_LENGTH = 4, 2


class FailedConcat(NamedTuple):
    """The failed call, its clash, and the concatenation dim (counted from 0)."""

    failed: FailedOp
    clash: Clash
    dim: int

    @property
    def failed_dim(self) -> int | None:
        """The dim as it was given; None where it was not."""
        given = self.failed.call.args.get("dim", self.failed.call.args.get("1"))
        return given if isinstance(given, int) else None

    @property
    def others(self) -> list[tuple[str, NamedValue | TensorArg]]:
        """The operands with the clashing ones first."""
        return list(self.failed.operands.items())

    @property
    def odd_dims(self) -> list[int]:
        """Dims in which operands of equal rank differ, the concatenated one left out."""
        shapes = self.shapes
        if len({len(shape) for shape in shapes}) != 1:
            return []
        return [d for d in range(len(shapes[0])) if d != self.dim and len({shape[d] for shape in shapes}) > 1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The operands' shapes in order."""
        return [shape for _, shape in self.failed.call.tensors]

    @property
    def fits_along(self) -> int | None:
        """Another dim along which the operands could be joined as they are."""
        odd = self.odd_dims
        if len(odd) != 1 or self.failed.op in ("stack", "dstack", "column_stack"):
            return None
        equal_here = len({shape[self.dim] for shape in self.shapes}) == 1
        return odd[0] if equal_here else None


def failed_concat(run: Run) -> FailedConcat | None:
    """The concatenation that failed in the user's code or for it; None where something else did."""
    if run.failed_row("cache") is not None or claimed(run):  # more is known about it than that it was a concatenation
        return None
    failed = failed_op(run)
    if failed is None or failed.clash is None or failed.op not in CONCAT:
        return None
    rank = max((len(shape) for _, shape in failed.call.tensors), default=0)
    dim = failed.call.args.get("dim", failed.call.args.get("1", 0))
    place = dim if isinstance(dim, int) else 0
    return FailedConcat(failed, failed.clash, place % max(rank, 1))


def odd_one(run: Run, concat: FailedConcat) -> Cause:
    """Where the size of the odd operand was decided: the minority's, else the one that the program changed or wrote down."""
    odd = _against_the_rest(concat)
    dim = concat.clash.dim
    sizes = [shape[dim] for _, shape in concat.failed.call.tensors if dim is not None and dim < len(shape)]
    counts = sorted(sizes.count(size) for size in set(sizes))
    outvoted = odd.clash is not None and len(counts) == 2 and counts[0] == 1 < counts[1] and _single_birth(run, odd)
    return suspect(run, odd, alone=1 if outvoted else None)


def _single_birth(run: Run, odd: FailedOp) -> bool:
    """Whether a layer or a number gave the odd operand its size; of data every piece may have its own."""
    both = sides(run, odd)
    return len(both) == 2 and cause(run, odd, both[1]).how in ("built", "written")


def _against_the_rest(concat: FailedConcat) -> FailedOp:
    """The clash between the odd operand and another one: torch compares with the first, which may itself be the odd one."""
    dim = concat.clash.dim
    sizes = {label: shape[dim] for label, shape in concat.failed.call.tensors if dim is not None and dim < len(shape)}
    counts = {size: list(sizes.values()).count(size) for size in sizes.values()}
    rare = [label for label, size in sizes.items() if counts[size] == min(counts.values())]
    if dim is None or len(rare) == len(sizes) or concat.clash.right in rare:
        return concat.failed
    other = next(label for label in sizes if label not in rare)
    odd = msgspec.structs.replace(
        concat.clash, left=other, right=rare[0], left_dim=dim, right_dim=dim, sizes=(sizes[other], sizes[rare[0]])
    )
    return concat.failed._replace(clash=odd)


def is_batch_dim(concat: FailedConcat) -> bool:
    """Whether the clash is in dim 0 while another dim is joined: rows against rows."""
    return concat.clash.dim == 0 and (concat.dim != 0 or concat.failed.op == "stack")


def are_pieces(run: Run, concat: FailedConcat) -> bool:
    """Whether the operands are pieces of one thing: all made by the same line, as the outputs of a loop over batches are."""
    origins = [run.row(value.origin) for _, value in concat.others]
    sites = {run.recording.chains[row.chain].sites[:1] for row in origins if row is not None}
    return len(origins) > 1 and None not in origins and len(sites) == 1


def batch_dim(run: Run, concat: FailedConcat) -> int:
    """The dimension of the operands that holds the rows of the data: the one that leads back to dimension 0 of what came in."""
    label, value = concat.others[0]
    shape = dict(concat.failed.call.tensors)[label]
    for dim in range(len(shape)):
        hops = follow(run, value, dim)
        end = hops[-1] if hops else None
        made = end is not None and end.source is None and end.row.kind == "module"  # by a layer, of its own
        if end is not None and not made and (end.before if end.source is not None else end.after) == 0:
            return dim
    return 0


def _states_of_layers(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether the operands are states of recurrent layers, (layers, batch, features), that differ in how many layers they are of."""
    made = [run.row(value.origin) for _, value in concat.others]
    return along == 0 and all(
        row is not None and row.op in RECURRENT and shape in [out.last for out in row.outputs[1:]]
        for row, shape in zip(made, concat.shapes, strict=False)
    )


def joins_wrong_dim(run: Run, concat: FailedConcat) -> bool:
    """Whether the operands belong together along another dimension than the one they are joined along."""
    along = concat.fits_along
    if along is None:
        return False
    if _may_be_told(run, concat, along) or _grows(run, concat) or _states_of_layers(run, concat, along):
        return True
    if (
        _repeated_along(run, concat, along)
        or _made_rows(run, concat)
        or (concat.failed_dim is not None and _wanted_together(run, concat))
    ):
        return False
    if are_pieces(run, concat):
        # (batch, heads, length, head_dim), made call by call
        keys = len(concat.shapes[0]) == _KEYS_RANK and along == _KEYS_LENGTH and not _of_several_texts(run, concat)
        rows = batch_dim(run, concat)
        frame = run.user_frame
        listed = frame is not None and "[" not in frame.expression  # collected, and not written side by side
        apart = any(hop.row.op in CUTTING for _, value in concat.others for hop in follow(run, value, concat.dim))
        of_one_batch = (
            frame is not None
            and listed
            and frame.function.endswith(".forward")
            and rows == concat.dim
            and not apart  # rows that were cut apart are put together again
        )
        heads = along == len(concat.shapes[0]) - 1 and _of_several_layers(run, concat)
        cut = cut_along(run, concat, along) or sliced_along(run, concat, along)
        return keys or rows == along or of_one_batch or heads or cut or _appended(run, concat, along)
    return not is_batch_dim(concat)


def _repeated_along(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether one operand was repeated along the dim in which they differ, and is as the others are but for that."""
    for number, (_, value) in enumerate(concat.others):
        rest = {shape[along] for index, shape in enumerate(concat.shapes) if index != number}
        for hop in follow(run, value, along):
            if hop.row.op in _REPEATING and hop.changed and {hop.size_before} == rest:
                return True
    return False


def _of_several_layers(run: Run, concat: FailedConcat) -> bool:
    """Whether the operands are what several layers, each of a width of its own, made of one input: they belong side by side."""
    rows = [run.row(value.origin) for _, value in concat.others]
    layers = [row for row in rows if row is not None and row.kind == "module" and row.inputs]
    inputs = {row.inputs[0].origin for row in layers}
    return len(layers) == len(rows) == len({row.owner for row in layers}) and len(inputs) == 1 and None not in inputs


def cut_along(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether each operand was made of one piece of what was cut along a dim: what comes of the pieces belongs together there."""
    return all(
        any(hop.row.op in CUTTING for hop in follow(run, value, along)[1:]) for _, value in concat.others
    ) and not any(
        hop.row.op in CUTTING and hop.changed for _, value in concat.others for hop in follow(run, value, concat.dim)
    )


def sliced_along(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether the operands were made of slices along a dim of one tensor, ``tokens[:, start:end]``: the last of them is shorter."""
    cuts = [
        next((hop for hop in follow(run, value, along) if hop.row.op == "getitem" and hop.changed), None)
        for _, value in concat.others
    ]
    sources = {cut.source.origin for cut in cuts if cut is not None and cut.source is not None and cut.before == along}
    return None not in cuts and len(sources) == 1 and None not in sources


def _appended(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether what is joined is one place more of what the statement keeps, ``scores = cat([scores, new])``, along the default dim."""
    statement = run.failed_at
    names = [concat.failed.expression(run, label) for label, _ in concat.others]
    if concat.failed_dim is not None or len(names) != 2 or concat.shapes[1][along] != 1 or statement is None:
        return False
    return bool(names[0]) and (statement.source or "").startswith(f"{names[0]} = ")


def _of_several_texts(run: Run, concat: FailedConcat) -> bool:
    """Whether the operands are the keys of caches that were each filled from nothing: rows for a batch, and no parts of one text."""
    made = [run.row(value.origin) for _, value in concat.others]
    return all(
        row is not None and row.kind == "cache" and all(tensor.label != "past keys" for tensor in row.inputs)
        for row in made
    )


def _grows(run: Run, concat: FailedConcat) -> bool:
    """Whether what an object keeps is joined with the next of its kind, ``cat((self.key, key))``: it grows where the two differ."""
    names = [concat.failed.expression(run, label) for label, _ in concat.others]
    return len(names) == 2 and names[0].partition(".")[2] == names[1].rpartition(".")[2] != "" and names[0] != names[1]


def _made_rows(run: Run, concat: FailedConcat) -> bool:
    """Whether every operand was given the joined dim, of size 1, to be a row of a batch."""
    rank, rows = len(concat.shapes[0]), [run.row(value.origin) for _, value in concat.others]
    return all(
        row is not None and row.op == "unsqueeze" and dim_told(row.args) in (concat.dim, concat.dim - rank)
        for row in rows
    )


def _wanted_together(run: Run, concat: FailedConcat) -> bool:
    """Whether a layer was built for as many features as the operands have together along the dim they are joined along."""
    total = sum(shape[concat.dim] for shape in concat.shapes)
    names = ("in_channels", "in_features", "num_features", "input_size")
    return any(row.args.get(name) == total for row in run.of_kind("construct") for name in names)


def _may_be_told(run: Run, concat: FailedConcat, along: int) -> bool:
    """Whether the code that chose the dim can choose the other one as well: it chose wrongly."""
    frame = run.user_frame
    given = next((v for v in frame.operands if v.label in ("dim", "axis")), None) if frame is not None else None
    rank = len(concat.shapes[0])
    if frame is None or given is None or given.expression.lstrip("-").isdecimal():
        return False
    trails = climbs(run.sources, chain_of_frames(run, frame), given.expression)
    return bool({along, along - rank} & {number for trail in trails for number in _choices(trail.spots[-1].node_text)})


def _choices(text: str) -> Iterator[int]:
    """The numbers that an expression can be: both of ``-1 if condition else 0``."""
    node = parsed_text(text)
    if node is None:
        return
    for one in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
        try:
            value = ast.literal_eval(one)
        except ValueError:
            continue
        if type(value) is int:
            yield value
