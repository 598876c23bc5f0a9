"""A call as capture saw it, and the same call with its operands and arguments found under the op's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from shapeguard.analysis.semantics.axes import Operand, UnknownCallError
from shapeguard.values.shapes import Shape

Argument = str | int | float | Sequence[int | str] | None
_POSITION = re.compile(r"(?:args?\[?)?(\d+)\]?(?:\[.*)?$")
_ARGUMENT_NAMES = {"axis": "dim", "shape": "size", "keepdims": "keepdim", "axis0": "dim0", "axis1": "dim1"}


class Call(msgspec.Struct, frozen=True):
    """An op with its operands' shapes.

    ``tensors``: (label, shape) in positional order. A label is a parameter's name (``input``, ``weight``,
    ``tensors[0]``), its position (``0``, ``args[0]``), or anything else: then order decides.
    ``args``: what is not a tensor, under the parameter's name or position.
    ``values``: what is known beyond shapes: ``index_max``, ``index_min``, ``mask_count``, ``stride`` (of the input), and
    the largest number of an operand under its label and ``_max``.
    """

    op: str
    tensors: Sequence[tuple[str, Shape]] = ()
    args: Mapping[str, Argument] = {}
    values: Mapping[str, Argument] = {}


class Parameter(NamedTuple):
    """A parameter of an op, from a word such as ``input``, ``dim=`` (no tensor) or ``*size=`` (all that follow)."""

    name: str
    tensor: bool
    many: bool


def parameters(text: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(word.strip("*="), not word.endswith("="), word.startswith("*")) for word in text.split())


class Bound:
    """A call seen through the parameters of its op. Asking for what is not there raises UnknownCallError."""

    def __init__(self, call: Call, name: str, params: Sequence[Parameter], inplace: bool) -> None:
        self.name = name
        self.inplace = inplace
        self.values = call.values
        self.all = [Operand(label, tuple(shape)) for label, shape in call.tensors if label != "out"]
        self.operands = _bind_tensors(self.all, params)
        self.args = _bind_args(call.args, params)

    def find(self, *names: str) -> Operand | None:
        """The first operand bound to one of these parameters."""
        return next((self.operands[name][0] for name in names if self.operands.get(name)), None)

    def tensor(self, *names: str) -> Operand:
        operand = self.find(*names)
        if operand is None:
            raise UnknownCallError(f"{self.name} without {names[0]}")
        return operand

    def tensors(self, name: str) -> list[Operand]:
        return self.operands.get(name, [])

    def has(self, name: str) -> bool:
        return self.args.get(name) is not None

    def number(self, name: str, default: int | None = None) -> int:
        value = self.args.get(name)
        value = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
        number = default if value is None else _as_int(value)
        if number is None:
            raise UnknownCallError(f"{self.name} without {name}")
        return number

    def numbers(self, name: str) -> list[int]:
        """A list of ints; one int counts as a list of one."""
        value = self.args.get(name)
        items = value if isinstance(value, (list, tuple)) else [value]
        numbers = [_as_int(item) for item in items]
        if any(number is None for number in numbers):
            raise UnknownCallError(f"{self.name} without {name}")
        return [number for number in numbers if number is not None]

    def spread(self, name: str, count: int, default: int) -> list[int]:
        """One number for each of ``count`` dims: ``kernel_size=3`` is (3, 3) to an image."""
        numbers = self.numbers(name) if self.has(name) else []
        numbers = numbers or [default]
        if len(numbers) not in (1, count):
            raise UnknownCallError(f"{self.name}: {name} is of another rank")
        return numbers * count if len(numbers) == 1 else numbers

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.args.get(name)
        return default if value is None else bool(value)

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        value = self.args.get(name)
        if not isinstance(value, (list, tuple)):
            raise UnknownCallError(f"{self.name} without {name}")
        return [str(item) for item in value]

    def value(self, name: str) -> int | None:
        """A number known beyond the shapes, such as ``index_max``."""
        return _as_int(self.values.get(name))


def _as_int(value: Argument) -> int | None:
    return int(value) if isinstance(value, int) else None


def _bind_tensors(operands: Sequence[Operand], params: Sequence[Parameter]) -> dict[str, list[Operand]]:
    bound: dict[str, list[Operand]] = {}
    nameless = []
    for operand in operands:
        name = _parameter_of(operand.label, params)
        if name is None:
            nameless.append(operand)
        else:
            bound.setdefault(name, []).append(operand)
    free = [param for param in params if param.tensor and param.name not in bound]
    for operand in nameless:
        if not free:
            break
        bound.setdefault(free[0].name, []).append(operand)
        free = free if free[0].many else free[1:]
    return bound


def _parameter_of(label: str, params: Sequence[Parameter]) -> str | None:
    base = label.split("[")[0]
    names = [param.name for param in params]
    if base in names:
        return base
    if base == "self" and names:
        return names[0]
    return _positional(label, params)


def _positional(label: str, params: Sequence[Parameter]) -> str | None:
    match = _POSITION.match(label)
    if match is None or not params:
        return None
    place = int(match[1])
    if place < len(params):
        return params[place].name
    return params[-1].name if params[-1].many else None


def _bind_args(args: Mapping[str, Argument], params: Sequence[Parameter]) -> dict[str, Argument]:
    bound: dict[str, Argument] = {}
    many = {param.name for param in params if param.many}
    for key, value in args.items():
        name = _ARGUMENT_NAMES.get(key) or _parameter_of(key, params) or key
        if key == "other" and len(params) > 1 and not any(param.name == key for param in params):
            name = params[1].name  # as capture calls the second argument of what it does not know
        if name in many and name in bound:
            bound[name] = [*_as_list(bound[name]), *_as_list(value)]
        else:
            bound[name] = value
    return bound


def _as_list(value: Argument) -> list[int | str]:
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value] if isinstance(value, (int, str)) else []
