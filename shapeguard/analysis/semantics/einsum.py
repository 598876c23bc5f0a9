"""einsum: every subscript has one size."""

from __future__ import annotations

from shapeguard.analysis.semantics.axes import Axes, Axis, Operand, Side, UnknownCallError, broadcast, refuse
from shapeguard.analysis.semantics.base import register
from shapeguard.analysis.semantics.calls import Bound


@register("einsum", params="equation= *operands")
def einsum(call: Bound) -> Axes:
    inputs, output = _parse(call.text("equation"))
    operands = call.tensors("operands") or call.all
    if len(inputs) != len(operands):
        text = f"the equation names {len(inputs)} operands, {len(operands)} were given"
        refuse("count", Side("equation", None, len(inputs)), Side("operands", None, len(operands)), text)
    sizes: dict[str, Axis] = {}
    ellipses: list[Axes] = []
    for subscripts, operand in zip(inputs, operands, strict=True):
        letters, hidden = _spread(subscripts, operand)
        ellipses.append(hidden)
        _take_sizes(letters, sizes, output)
    return _write(output, sizes, broadcast(ellipses))


def _parse(equation: str) -> tuple[list[str], str]:
    """The subscripts of each operand and of the result, an ellipsis written as one dot."""
    left, arrow, right = equation.replace(" ", "").replace("...", ".").partition("->")
    inputs = left.split(",")
    if not left or any(not (letter.isalpha() or letter in ".,") for letter in left + right):
        raise UnknownCallError(f"einsum of {equation!r}")
    return inputs, right if arrow else _implied(left.replace(",", ""))


def _implied(letters: str) -> str:
    """Without an arrow: the ellipsis, then what occurs once, in alphabetical order."""
    once = "".join(sorted(letter for letter in set(letters) - {"."} if letters.count(letter) == 1))
    return ("." if "." in letters else "") + once


def _spread(subscripts: str, operand: Operand) -> tuple[list[tuple[str, Axis]], Axes]:
    """Each letter with its axis, and the axes that the ellipsis stands for."""
    before, dots, after = subscripts.partition(".")
    named, rank = len(before) + len(after), operand.rank
    if rank < named or (rank > named and not dots):
        text = f"{subscripts.replace('.', '...')!r} names {named} dims, {operand.label} has {rank}"
        refuse("rank", Side("equation", None, named), Side(operand.label, None, rank), text)
    axes, end = operand.axes, rank - len(after)
    pairs = [*zip(before, axes, strict=False), *zip(after, axes[end:], strict=True)]
    return pairs, axes[len(before) : end]


def _take_sizes(letters: list[tuple[str, Axis]], sizes: dict[str, Axis], output: str) -> None:
    own: dict[str, Axis] = {}
    for letter, axis in letters:
        if letter in own and own[letter].size != axis.size:
            _refuse(letter, own[letter], axis, output)
        own[letter] = Axis(axis.size, own[letter].sources + axis.sources) if letter in own else axis
    for letter, axis in own.items():
        seen = sizes.get(letter)
        if seen is None or (seen.size == 1 and axis.size != 1):
            sizes[letter] = axis
        elif axis.size == seen.size:
            sizes[letter] = Axis(axis.size, seen.sources + axis.sources)
        elif axis.size != 1:
            _refuse(letter, seen, axis, output)


def _refuse(letter: str, left: Axis, right: Axis, output: str) -> None:
    role = letter if letter in output else "inner"  # what is summed over is the inner size of a product
    refuse("dim", left.side, right.side, f"subscript {letter}: {left.size} against {right.size}", role=role)


def _write(output: str, sizes: dict[str, Axis], hidden: Axes) -> Axes:
    axes: Axes = []
    for letter in output:
        if letter != "." and letter not in sizes:
            raise UnknownCallError(f"einsum: output subscript {letter!r} is not in the input")
        axes += hidden if letter == "." else [sizes[letter]]
    return axes
