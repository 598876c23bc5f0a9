"""Where a softmax runs, and what its result is used for: the dim it makes sum to one must be the one that is summed over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.descent import Use, uses
from shapeguard.analysis.graph import ancestors, past, users_of
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import CLASS_LOSSES, family
from shapeguard.values.findings import FactValue
from shapeguard.values.recording import Row, TensorArg

SOFTMAX = frozenset({"softmax", "Softmax", "log_softmax", "LogSoftmax", "gumbel_softmax", "softmin", "Softmin"})
_DIVERGENCES = frozenset({"kl_div", "KLDivLoss"})
_CHOOSING = frozenset({"argmax", "max", "topk", "gather"})
_PASSING = frozenset({"broadcast", "pointwise", "reshape", "permute", "subscript"})
_STOPPING = frozenset({"div", "truediv", "div_", "itruediv"})
_USES = 64
_FEW = 8


class Wrong(NamedTuple):
    """A softmax over one dim and the use that needed it over another; ``sure`` where no reading makes sense of it."""

    row: Row
    dim: int
    use: Row
    needed: int  # dim of the softmax's result that should sum to one
    sure: bool


def softmaxes(run: Run) -> Iterator[tuple[Row, int]]:
    """Softmax rows with the dim they run along, counted from 0."""
    for row in run.of_kind("op", "module"):
        if row.op in SOFTMAX and row.inputs and row.outputs and row.inputs[0].last and not row.error:
            yield row, dim_of(run, row)
        elif row.op == "Sequential" and (last := last_softmax(run, row)) is not None:
            given, made = row.inputs[0].last, row.outputs[0].last
            # Of what goes into the last layer only the rows are known: they are those that went in.
            if last.args.get("dim") in (0, -len(made)) and len(given) == len(made) and given[0] == made[0]:
                yield row, 0


def last_softmax(run: Run, row: Row) -> Row | None:
    """The softmax that a container ends in: the last thing that was built before the container, in the same function."""
    built = run.row(row.owner)
    if built is None or built.op != "Sequential" or row.error or not row.inputs or not row.outputs:
        return None
    last = run.row(built.id - 1)
    if last is None or last.kind != "construct" or last.op not in SOFTMAX:
        return None
    ours, theirs = run.location(built), run.location(last)
    return last if ours is not None and theirs is not None and ours.function == theirs.function else None


def dim_of(run: Run, row: Row) -> int:
    """The dim an op runs along; torch's old default where none was given."""
    built = run.row(row.owner)
    given = {**(built.args if built is not None and row.kind == "module" else {}), **row.args}
    rank = len(row.inputs[0].last)
    told = dim_told(given)
    if told is not None:
        return told % rank
    return 0 if rank in (0, 1, 3) else 1


def wrongly_normalised(run: Run) -> Iterator[Wrong]:
    """Softmaxes whose result is then summed, chosen or scored along another dim than the one that sums to one."""
    for row, dim in softmaxes(run):
        if len(row.inputs[0].last) > 1:
            found = _wrong_use(run, row, dim)
            if found is not None:
                yield found


def argmax_of_all(run: Run) -> Iterator[Row]:
    """An ``argmax`` over all entries of (batch, classes), one number, that is then compared with a number for each row."""
    for row in run.of_kind("op"):
        shape = row.inputs[0].last if row.inputs and row.op == "argmax" and not row.error else ()
        if (
            len(shape) != 2
            or shape[0] < 2
            or not row.outputs
            or row.outputs[0].last != ()
            or dim_told(row.args) is not None
        ):
            continue
        for user in users_of(run, row):
            others = [tensor.last for tensor in user.inputs if tensor.last != ()]
            if user.op in ("eq", "ne") and others == [(shape[0],)]:
                yield row
                break


def dim_told(args: dict[str, FactValue]) -> int | None:
    """The dim that an op was given, under its name or by its place."""
    return next((value for name in ("dim", "other", "arg1") if type(value := args.get(name)) is int), None)


def picked_apart(run: Run) -> Iterator[Wrong]:
    """Softmaxes over an earlier dim whose few entries of the last one are taken one by one, as weights of what they multiply."""
    for row, dim in softmaxes(run):
        shape = row.outputs[0].last
        last = len(shape) - 1
        picks = [user for user in users_of(run, row) if user.op == "getitem"]
        if last < 2 or dim == last or not 1 < shape[last] <= _FEW or len(picks) != len(users_of(run, row)):
            continue
        taken = {_of_last(pick) for pick in picks if len(pick.inputs) == 1}
        weighing = all(any(user.op == "mul" for user in users_of(run, pick)) for pick in picks)
        if None not in taken and len(taken) == len(picks) == shape[last] and weighing:
            yield Wrong(row, dim, picks[0], last, False)


def summed_across(run: Run) -> Iterator[tuple[Row, Row]]:
    """(softmax, product) of weights over keys, the padded ones hidden, that a product of values and weights sums over the queries.

    Queries and keys are as many, so that both products can be formed: ``values @ weights`` for ``values @ weights.mT``.
    """
    for row, dim in softmaxes(run):
        shape, other = row.inputs[0].last, len(row.inputs[0].last) - 2
        hidden = run.row(row.inputs[0].origin)
        mask = next((t.last for t in hidden.inputs if t.label == "mask"), ()) if hidden is not None else ()
        if other < 0 or dim != other + 1 or shape[dim] != shape[other] or mask[-2:] != (1, shape[dim]):
            continue
        for use in uses(run, row):
            values = use.row.inputs[0]
            if use.is_product and use.gone == {other} and use.operand is not values and values.origin != row.id:
                yield row, use.row


def _of_last(pick: Row) -> str | None:
    """What a selection takes of the last dim, where it takes nothing of the others."""
    index = pick.args.get("index")
    if not isinstance(index, list) or not index or any(item not in ("...", ":") for item in index[:-1]):
        return None
    return str(index[-1])


def _wrong_use(run: Run, row: Row, dim: int) -> Wrong | None:
    """Follow the dims of the result until one use tells which of them was meant."""
    dims = {number: frozenset({number}) for number in range(len(row.outputs[0].last))}
    waiting: list[tuple[Row, dict[int, frozenset[int]], bool, bool]] = [(row, dims, False, False)]
    seen = {row.id}
    steps = 0
    while waiting:
        at, names, weighs, spread = waiting.pop(0)
        for use in uses(run, at):
            if use.row.id in seen or steps > _USES:
                continue
            seen.add(use.row.id)
            steps += 1
            needed = _needed(run, use, names)
            if needed is not None:
                return _judged(run, row, dim, use, names, needed)
            if use.row.op in _DIVERGENCES and use.row.outputs[0].last == use.operand.last:
                waiting.append((use.row, names, True, True))  # reduction="none"
            if weighs and use.row.op == "sum" and use.gone and (spread or is_batch(run, row.inputs[0], dim)):
                return _judged(
                    run, row, dim, use, names, frozenset().union(*(names.get(d, frozenset()) for d in use.gone))
                )
            if family(use.row.op) in _PASSING and use.row.op not in _STOPPING and len(use.row.outputs) == 1:
                weighing = use.row.op in ("mul", "mul_")
                if weighing and _both_ways(run, use, row, dim):
                    return None
                # A weight for each vector: it is the same for all entries of what it multiplies.
                wide = weighing and use.operand.last[-1:] == (1,) != use.row.outputs[0].last[-1:]
                scored = weighing and _is_distribution(run, use)
                waiting.append((use.row, _renamed(use, names), weighs or weighing, spread or wide or scored))
    return None


def _both_ways(run: Run, use: Use, row: Row, dim: int) -> bool:
    """Whether a softmax meets another one of the same table along its other dim: a match is to be the best both ways.

    «Dual softmax», Sun et al. 2021, «LoFTR: Detector-Free Local Feature Matching with Transformers», eq. 2.
    """
    others = (run.row(tensor.origin) for tensor in use.row.inputs if tensor is not use.operand)
    return any(
        other is not None
        and other.op == row.op
        and other.inputs[0].last == row.inputs[0].last
        and dim_of(run, other) != dim
        for other in others
    )


def _is_distribution(run: Run, use: Use) -> bool:
    """Whether the other operand is a softmax over its last dim: a product of the two is a cross entropy along it."""
    for other in use.row.inputs:
        made = run.row(other.origin)
        if other is not use.operand and made is not None and made.op in SOFTMAX and made.inputs:
            return dim_of(run, made) == len(made.inputs[0].last) - 1
    return False


def is_batch(run: Run, tensor: TensorArg, dim: int) -> bool:
    """Whether a dimension leads back to the first dimension of what came in: the rows of the batch."""
    hops = follow(run, tensor, dim)
    last = hops[-1] if hops else None
    return last is not None and (last.before if last.source is not None else last.after) == 0


def _renamed(use: Use, names: dict[int, frozenset[int]]) -> dict[int, frozenset[int]]:
    """Which dims of the softmax each dim of the use's result is made of; a reshape may have merged or split some."""
    renamed: dict[int, frozenset[int]] = {}
    for before, after in use.onto.items():
        renamed[after] = renamed.get(after, frozenset()) | names.get(before, frozenset())
    if family(use.row.op) == "reshape":
        return _reshaped(use, names, renamed)
    return renamed


def _reshaped(
    use: Use, names: dict[int, frozenset[int]], renamed: dict[int, frozenset[int]]
) -> dict[int, frozenset[int]]:
    """Dims that a view split keep their name in each part, dims that it merged give theirs to the whole.

    (batch * queries, keys) to (batch, queries, keys); (batch * beams, words) to (batch, beams * words).
    """
    left, full = list(use.operand.last), list(use.row.outputs[0].last)
    at, rest = 0, left[0] if left else 1  # the dim that is being given away, and how much of it is left
    for out, size in enumerate(full):
        parts: frozenset[int] = frozenset()
        while size > 1 and at < len(left):
            if rest == 1:
                at += 1
                rest = left[at] if at < len(left) else 1
                continue
            parts |= names.get(at, frozenset())
            taken = math.gcd(size, rest)
            if taken == 1:  # sizes that do not divide one another: what follows may be of any dim
                return renamed
            size, rest = size // taken, rest // taken
        if out not in renamed:
            renamed[out] = parts
    return renamed


def _needed(run: Run, use: Use, names: dict[int, frozenset[int]]) -> frozenset[int] | None:
    """The dims of the softmax that this use sums over or chooses from; None where it does neither."""
    if use.is_product and use.operand is use.row.inputs[0] and use.gone:
        return frozenset().union(*(names.get(dim, frozenset()) for dim in use.gone))
    if use.row.op in CLASS_LOSSES and use.operand is use.row.inputs[0]:
        return names.get(0 if len(use.operand.last) == 1 else 1)
    if use.row.op in _DIVERGENCES and len(use.operand.last) == 3 and _is_logits(run, use.operand):
        return names.get(2)
    if (
        use.row.op in _CHOOSING
        and use.operand is use.row.inputs[0]
        and any(name in use.row.args for name in ("dim", "other"))
    ):
        return names.get(dim_of(run, use.row))
    return None


def _is_logits(run: Run, tensor: TensorArg) -> bool:
    """Whether a tensor is what a transformers model returned, scaled at most: (batch, seq, vocabulary)."""
    made = past(run, tensor.origin, lambda row: row.op in SOFTMAX | _STOPPING | {"mul", "float", "to"})
    return made is not None and made.kind == "forward"


def _judged(
    run: Run, row: Row, dim: int, use: Use, names: dict[int, frozenset[int]], needed: frozenset[int]
) -> Wrong | None:
    """Wrong where the dim that sums to one is not among the needed ones, and the scores are not a soft assignment."""
    size = row.inputs[0].last[dim]
    if not needed or dim in needed or max(row.inputs[0].first[d] for d in needed) < 2 or size < 1:
        return None
    batch = (
        use.is_product
        and len(use.operand.last) > 2
        and any(dim in names.get(d, ()) for d in range(len(use.operand.last) - 2))
    )
    scores = _from_product(run, row)
    if use.is_product and not batch and not scores:
        return None
    # Weights that are multiplied and summed may share out each entry among the others, as capsules and slots do.
    return Wrong(
        row,
        dim,
        use.row,
        min(needed),
        use.is_product or use.row.op in CLASS_LOSSES | _CHOOSING | _DIVERGENCES or is_batch(run, row.inputs[0], dim),
    )


def _from_product(run: Run, row: Row) -> bool:
    """Whether the scores are a product of two tensors of the run, as those of queries and keys are."""
    for number, behind in enumerate(ancestors(run, row.inputs[0])):
        if number > 12:
            break
        if behind.op in ("matmul", "bmm", "einsum", "baddbmm", "mm") and all(
            tensor.origin is not None for tensor in behind.inputs[:2]
        ):
            return True
    return False


def over_one(run: Run) -> Iterator[tuple[Row, int]]:
    """Softmaxes, and choices of a class, along a dim of size 1 that a layer with one output gave: always the same answer."""
    for row in run.of_kind("op", "module"):
        if (within := _single_in_container(run, row)) is not None:
            yield row, within
            continue
        dim = _chosen_dim(run, row)
        if dim is not None and (_single(run, row, dim) or _drawn_of_one_row(run, row, dim)):
            yield row, dim


def _single_in_container(run: Run, row: Row) -> int | None:
    """The dim along which a container ends in a softmax of the one output that the layer before it has."""
    last = last_softmax(run, row) if row.op == "Sequential" else None
    before = run.row(last.id - 1) if last is not None else None
    told = last.args.get("dim") if last is not None else None
    if before is None or not isinstance(told, int) or not row.outputs:
        return None
    first, made = row.outputs[0].first, row.outputs[0].last
    dim = told % len(made) if made else 0
    one = len(made) > 1 and made[dim] == first[dim] == 1 < made[0] and not row.varied
    return dim if one and 1 in (before.args.get("out_features"), before.args.get("out_channels")) else None


def _drawn_of_one_row(run: Run, row: Row, dim: int) -> bool:
    """Whether a softmax runs over the rows, of which there is one, and a choice is then drawn among the columns: each has a 1."""
    first, last = row.inputs[0].first, row.inputs[0].last
    one = dim == 0 and row.op in SOFTMAX and len(last) == 2 and first[0] == last[0] == 1 < last[1] and not row.varied
    return one and any(use.op in ("multinomial", "topk", "argmax") for use in users_of(run, row))


def _chosen_dim(run: Run, row: Row) -> int | None:
    """The dim of classes a row runs along; None where it is no such op."""
    if not row.inputs or len(row.inputs[0].last) < 2:
        return None
    if row.op in SOFTMAX:
        return dim_of(run, row)
    if row.op == "argmax":
        return dim_of(run, row) if any(type(row.args.get(name)) is int for name in ("dim", "other")) else None
    if row.op in ("cross_entropy", "CrossEntropyLoss"):
        return 1 if len(row.inputs) > 1 and row.inputs[1].dtype.startswith("int") else None
    return None


def _single(run: Run, row: Row, dim: int) -> bool:
    first, last = row.inputs[0].first, row.inputs[0].last
    if row.varied or last[dim] != 1 or first[dim] != 1 or last[0] < 2 or len(last) < 2:
        return False
    made = follow(run, row.inputs[0], dim)
    layer = made[-1].row if made else None
    if layer is not None and layer.kind == "forward" and len(last) == 2:
        return True  # a transformers model with one label
    built = run.row(layer.owner) if layer is not None else None
    return built is not None and 1 in (built.args.get("out_features"), built.args.get("out_channels"))
