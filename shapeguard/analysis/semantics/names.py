"""Names of ops: function, method, operator and in-place spellings brought to one."""

from __future__ import annotations

from typing import NamedTuple

_SYMBOLS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder", "**": "pow", "@": "matmul",
    "&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "<<": "lshift", ">>": "rshift", "[]": "getitem",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "~": "bitwise_not",
    "+=": "add_", "-=": "sub_", "*=": "mul_", "/=": "div_", "//=": "floor_divide_", "%=": "remainder_", "**=": "pow_",
    "&=": "bitwise_and_", "|=": "bitwise_or_", "^=": "bitwise_xor_", "[]=": "setitem",
}  # fmt: skip
_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "truediv": "div", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "lshift", "rshift": "rshift", "matmul": "matmul",
}  # fmt: skip


class Spelling(NamedTuple):
    """One way to read an op's name."""

    name: str
    inplace: bool = False


def spellings(op: str) -> list[Spelling]:
    """The ways to read a name, the most particular first: ``torch.Tensor.add_`` -> ..., ``add_``, ``add`` in place."""
    op = _SYMBOLS.get(op, op)
    parts = [part for part in op.split(".") if part]
    if not parts:
        return []
    full = [Spelling(".".join(parts[start:])) for start in range(len(parts))]
    return full + _variants(parts[-1])


def _variants(name: str) -> list[Spelling]:
    if name.startswith("__") and name.endswith("__"):
        return _dunder(name[2:-2])
    if name.endswith("_"):
        return [Spelling(name.rstrip("_"), inplace=True)]
    return _dunder(name)


def _dunder(name: str) -> list[Spelling]:
    """``iadd`` -> add in place, ``rsub`` -> sub: who stands left does not matter here (it does to rmatmul)."""
    found = [Spelling(name), Spelling(_OPERATORS.get(name, name))]
    if name[:1] == "i" and name[1:] in _OPERATORS:
        found.append(Spelling(_OPERATORS[name[1:]], inplace=True))
    if name[:1] == "r" and name[1:] in _OPERATORS:
        found.append(Spelling(_OPERATORS[name[1:]]))
    return found
