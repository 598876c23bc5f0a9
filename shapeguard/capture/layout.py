"""Arguments as a hashable layout plus a flat list of numbers, and back.

The layout holds everything that stays the same from call to call (names, nesting, ranks, dtypes, devices, words); the
numbers hold the sizes and the integers. Calls with equal layouts at one place fold into one row as long as their numbers
grow steadily, so nothing has to be turned into values on the way. Contents of tensors, floats and long strings never enter.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from shapeguard.values.findings import FactValue
from shapeguard.values.recording import TensorArg

MAX_ITEMS = 64  # of a list of tensors or ints
MAX_WORD = 80  # characters of a string argument

Layout = tuple[Any, ...]

# Tags are kept as the first item of a tuple. A tensor is (_TENSOR, rank, dtype, device).
_TENSOR, _INT, _LIST, _SLICE, _CONST, _FLOAT, _OBJECT, _CACHE, _MORE = range(9)
_INT_LAYOUT = (_INT,)
_FLOAT_LAYOUT = (_FLOAT,)
_NONE_LAYOUT = (_CONST, None)
_ELLIPSIS_LAYOUT = (_CONST, "...")

_PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)


def describe(value: Any, numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    """The layout of one argument; its numbers and tensors are appended to the two lists."""
    kind = type(value)
    if kind in _PLAIN_TENSORS or isinstance(value, torch.Tensor):
        return _describe_tensor(value, kind, numbers, tensors)
    if kind is int:
        numbers.append(value)
        return _INT_LAYOUT
    if value is None:
        return _NONE_LAYOUT
    if kind is bool:
        return (_CONST, value)
    if kind is str:
        return (_CONST, value if len(value) <= MAX_WORD else "…")
    if kind is float:
        return _FLOAT_LAYOUT
    if kind is slice:
        parts = (describe(part, numbers, tensors) for part in (value.start, value.stop, value.step))
        return (_SLICE, *parts)
    if value is Ellipsis:
        return _ELLIPSIS_LAYOUT
    if isinstance(value, list | tuple):
        items = value[:MAX_ITEMS]
        inner = tuple([describe(item, numbers, tensors) for item in items])
        return (_LIST, *inner, (_MORE, len(value))) if len(value) > MAX_ITEMS else (_LIST, *inner)
    if kind is torch.dtype or kind is torch.device:
        return (_CONST, str(value))
    return _describe_object(value, kind, numbers, tensors)


def _describe_tensor(
    value: torch.Tensor, kind: type[Any], numbers: list[int], tensors: list[torch.Tensor]
) -> Layout:
    tensors.append(value)
    try:
        shape: Sequence[Any] = value.shape
        if kind not in _PLAIN_TENSORS:  # a symbolic size must not be compared: that would add a guard to a trace
            shape = [size if type(size) is int else -1 for size in shape]
        numbers.extend(shape)
        return (_TENSOR, len(shape), value.dtype, value.device)
    except RuntimeError:  # nested tensors have no shape
        return (_OBJECT, "NestedTensor")


def _describe_object(value: Any, kind: type[Any], numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    if kind.__name__.endswith("Cache"):
        layers = getattr(getattr(value, "self_attention_cache", value), "layers", None)
        keys = getattr(layers[0], "keys", None) if isinstance(layers, list) and layers else None
        if isinstance(keys, torch.Tensor) and keys.dim() > 1:
            return (_CACHE, kind.__name__, _describe_tensor(keys, type(keys), numbers, tensors))
        return (_CACHE, kind.__name__, None)
    return (_OBJECT, kind.__name__)


def describe_call(
    args: Sequence[Any], kwargs: Mapping[str, Any] | None, numbers: list[int], tensors: list[torch.Tensor]
) -> Layout:
    """Layouts of all arguments, each with its name ("" for a positional one)."""
    layout = [("", describe(value, numbers, tensors)) for value in args]
    if kwargs:
        layout += [(name, describe(value, numbers, tensors)) for name, value in kwargs.items()]
    return tuple(layout)


def describe_result(value: Any, numbers: list[int], tensors: list[torch.Tensor], depth: int = 0) -> list[tuple[str, Layout]]:
    """The tensors of a result, with their names where they have any: mappings, dataclass-like outputs and lists are opened."""
    if isinstance(value, torch.Tensor):
        return [("", describe(value, numbers, tensors))]
    if depth > 1:
        return []
    found: list[tuple[str, Layout]] = []
    if isinstance(value, dict):
        for name, item in value.items():
            found += [
                (f"{name}{label}", layout)
                for label, layout in describe_result(item, numbers, tensors, depth + 1)
            ]
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value[:MAX_ITEMS]):
            found += [
                (f"[{index}]{label}", layout)
                for label, layout in describe_result(item, numbers, tensors, depth + 1)
            ]
    return found


class _Opened:
    """Collects what a layout says while its numbers are read off."""

    def __init__(
        self,
        first: Sequence[int],
        last: Sequence[int],
        origins: Sequence[int | None],
        first_origins: Sequence[int | None],
    ) -> None:
        self.first = iter(first)
        self.last = iter(last)
        self.origins = iter(origins)
        self.first_origins = iter(first_origins)
        self.tensors: list[TensorArg] = []

    def take(self, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(next(self.first) for _ in range(count)), tuple(next(self.last) for _ in range(count))

    def value(self, layout: Layout, label: str) -> tuple[FactValue, FactValue]:
        """The value of an argument at the first and at the last occurrence; tensors go to ``self.tensors``."""
        tag = layout[0]
        if tag == _TENSOR:
            first, last = self.take(layout[1])
            dtype, device = str(layout[2]).removeprefix("torch."), str(layout[3])
            origin, earlier = next(self.origins, None), next(self.first_origins, None)
            self.tensors.append(
                TensorArg(label, first, last, dtype, device, origin, earlier if earlier != origin else None)
            )
            return "tensor", "tensor"
        if tag == _INT:
            (first_int,), (last_int,) = self.take(1)
            return first_int, last_int
        if tag == _LIST:
            return self._list(layout, label)
        if tag == _SLICE:
            pairs = [self.value(part, label) for part in layout[1:]]
            return _slice_text([a for a, _ in pairs]), _slice_text([b for _, b in pairs])
        if tag == _CACHE:
            if layout[2] is not None:
                self.value(layout[2], f"{label}.layers[0].keys")
            return layout[1], layout[1]
        text: FactValue = {_FLOAT: "float", _MORE: "…"}.get(tag, layout[1] if len(layout) > 1 else None)
        return text, text

    def _list(self, layout: Layout, label: str) -> tuple[FactValue, FactValue]:
        pairs = [self.value(item, f"{label}[{index}]") for index, item in enumerate(layout[1:])]
        return [_item(a) for a, _ in pairs], [_item(b) for _, b in pairs]


def _item(value: FactValue) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return str(value) if not isinstance(value, list) else "[" + ", ".join(map(str, value)) + "]"


def _slice_text(parts: list[FactValue]) -> str:
    start, stop, step = ("" if part is None else str(part) for part in parts)
    return f"{start}:{stop}" + (f":{step}" if step else "")


class Opened:
    """A layout turned into values: tensors in and out, and the other arguments at the first and last occurrence."""

    def __init__(
        self,
        layout: tuple[Layout, Layout],
        first: Sequence[int],
        last: Sequence[int],
        origins: Sequence[int | None],
        names: Sequence[str],
        first_origins: Sequence[int | None] = (),
    ) -> None:
        opened = _Opened(first, last, origins, first_origins)
        self.args: dict[str, FactValue] = {}
        self.args_first: dict[str, FactValue] = {}
        for label, (name, part) in zip(_labels(layout[0], names), layout[0], strict=True):
            before, after = opened.value(part, label)
            if part[0] != _TENSOR:
                self.args[label] = after
                if before != after:
                    self.args_first[label] = before
        self.inputs = tuple(opened.tensors)
        opened.tensors = []
        for index, (name, part) in enumerate(layout[1]):
            opened.value(part, name or ("out" if len(layout[1]) == 1 else f"out[{index}]"))
        self.outputs = tuple(opened.tensors)


def _labels(layout: Layout, names: Sequence[str]) -> Iterator[str]:
    """Names for positional arguments; when the last known name is starred (``*size``) it takes all that follow."""
    for index, (name, _) in enumerate(layout):
        if name:
            yield name
        elif index < len(names) and not names[index].startswith("*"):
            yield names[index]
        elif names and names[-1].startswith("*"):
            yield f"{names[-1][1:]}[{index - len(names) + 1}]"
        else:
            yield f"arg{index}"
