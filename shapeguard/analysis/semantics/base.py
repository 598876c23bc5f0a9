"""What an op asks of its operands' shapes: the table of rules and the questions one can put to it.

A rule is a pure function of shapes. It returns the axes of the (first) result, or None where they depend on the data,
and raises at the first two sizes that disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shapeguard.analysis.semantics.axes import UNKNOWN, Axes, Clash, Misfit, UnknownCallError
from shapeguard.analysis.semantics.calls import Bound, Call, Parameter, parameters
from shapeguard.analysis.semantics.names import spellings
from shapeguard.values.shapes import Shape

__all__ = ["Call", "Clash", "Rule", "clash", "dim_sources", "family", "known", "output_shape", "register", "registered"]

Rule = Callable[[Bound], "Axes | None"]


class _Entry(NamedTuple):
    rule: Rule
    params: tuple[Parameter, ...]


_registry: dict[str, _Entry] = {}


def register(*names: str, params: str) -> Callable[[Rule], Rule]:
    """Enter a rule under the names of its op.

    Args:
        names: last parts of torch's function names; a text may hold several. A dotted name (``distributed.gather``) is
            preferred over the plain one.
        params: the op's parameters in order: ``input``; ``dim=`` for what is no tensor; ``*size=`` for all that follow.
    """
    words = _checked(names)

    def enter(rule: Rule) -> Rule:
        if not callable(rule):
            raise TypeError(f"register({words[0]!r}) expects a function of a Bound call, got {type(rule).__name__}")
        _registry.update(dict.fromkeys(words, _Entry(rule, parameters(params))))
        return rule

    return enter


def _checked(names: tuple[str, ...]) -> list[str]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"register() expects names of ops as text, got {type(name).__name__}")
    words = [word for name in names for word in name.split()]
    if not words:
        raise TypeError("register() expects the name of an op, got none")
    for word in words:
        if word in _registry or words.count(word) > 1:
            raise ValueError(f"register() got {word!r} twice; each op has one rule")
    return words


def registered() -> list[str]:
    """The names in the table, sorted."""
    return sorted(_registry)


def known(op: str) -> bool:
    """Whether there is a rule for this op, in whatever spelling."""
    return any(name in _registry for name, _ in spellings(op))


def family(op: str) -> str:
    """The family an op belongs to: the name of the file its rule stands in ("matmul", "broadcast"); "" where unknown."""
    entry = next((_registry[name] for name, _ in spellings(op) if name in _registry), None)
    return entry.rule.__module__.rpartition(".")[2] if entry is not None else ""


def clash(op: str, call: Call) -> Clash | None:
    """The two sizes the op cannot bring together. None: the shapes fit, or the op or a needed number is not known."""
    try:
        _apply(op, call)
    except Misfit as misfit:
        return misfit.clash
    return None


def output_shape(op: str, call: Call) -> Shape | None:
    """The shape of the (first) result. None where it is not known, depends on the data, or the shapes do not fit."""
    axes = _result(op, call)
    if axes is None or any(axis.size == UNKNOWN for axis in axes):
        return None
    return tuple(axis.size for axis in axes)


def dim_sources(op: str, call: Call, out_dim: int) -> list[tuple[str, int]]:
    """The (operand label, dim) pairs from which a dimension of the result comes. Empty: born in this op, or not known.

    A dimension of a cat, a flatten or a broadcast has several. Compare sizes to see whether the op changed it.
    """
    axes = _result(op, call)
    if axes is None or not -len(axes) <= out_dim < len(axes):
        return []
    return list(dict.fromkeys(axes[out_dim].sources))


def _result(op: str, call: Call) -> Axes | None:
    try:
        return _apply(op, call)
    except Misfit:
        return None


def _apply(op: str, call: Call) -> Axes | None:
    for name, inplace in spellings(op):
        entry = _registry.get(name)
        if entry is not None:
            try:
                return entry.rule(Bound(call, name, entry.params, inplace))
            except UnknownCallError:
                return None
    return None
