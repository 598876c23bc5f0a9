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

from shapeguard.capture.signatures import positional
from shapeguard.values.findings import FactValue
from shapeguard.values.recording import TensorArg

MAX_ITEMS = 64  # of a list of tensors or ints
MAX_WORD = 40  # characters of a string argument

Layout = tuple[Any, ...]

# Tags are kept as the first item of a tuple. A tensor is (_TENSOR, rank, dtype, device).
_TENSOR, _INT, _LIST, _SLICE, _CONST, _FLOAT, _OBJECT, _CACHE, _MAPPING, _MORE = range(10)
_INT_LAYOUT = (_INT,)
_FLOAT_LAYOUT = (_FLOAT,)
_NONE_LAYOUT = (_CONST, None)
_ELLIPSIS_LAYOUT = (_CONST, "...")
_NESTED_LAYOUT = (_OBJECT, "NestedTensor")  # a nested tensor has no shape and raises where it is asked

PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)
# Read past whatever a subclass puts before them.
_shape_of: Any = torch._C.TensorBase.shape.__get__  # type: ignore[attr-defined]
_dtype_of: Any = torch._C.TensorBase.dtype.__get__  # type: ignore[attr-defined]
_device_of: Any = torch._C.TensorBase.device.__get__


def describe(value: Any, numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    """The layout of one argument; its numbers and tensors are appended to the two lists.

    Types are asked of the type, and items taken by the builtin types' own methods: an object of the user's may answer
    anything to ``__class__``, ``__len__`` or ``__getitem__``, or run for an hour.
    """
    kind = type(value)
    if kind in PLAIN_TENSORS:
        try:
            shape = value.shape
        except RuntimeError:
            return _NESTED_LAYOUT
        tensors.append(value)
        numbers.extend(shape)
        return (_TENSOR, len(shape), value.dtype, value.device)
    if kind is int:
        numbers.append(value)
        return _INT_LAYOUT
    if value is None:
        return _NONE_LAYOUT
    if kind is bool:
        return (_CONST, value)
    if kind is str:
        return (_CONST, value if is_setting(value) else "…")
    if kind is float:
        return _FLOAT_LAYOUT
    if kind is tuple or kind is list:
        return _describe_items(value[:MAX_ITEMS], len(value), numbers, tensors)
    if kind is slice:
        parts = (describe(part, numbers, tensors) for part in (value.start, value.stop, value.step))
        return (_SLICE, *parts)
    if value is Ellipsis:
        return _ELLIPSIS_LAYOUT
    if kind is torch.dtype or kind is torch.device:
        return (_CONST, str(value))
    if issubclass(kind, torch.Tensor):
        return _describe_subclass(value, numbers, tensors)
    if issubclass(kind, tuple):
        return _describe_items(tuple.__getitem__(value, _HEAD), tuple.__len__(value), numbers, tensors)
    if issubclass(kind, list):
        return _describe_items(list.__getitem__(value, _HEAD), list.__len__(value), numbers, tensors)
    return _describe_object(value, kind, numbers, tensors)


_HEAD = slice(0, MAX_ITEMS)


def is_setting(text: str) -> bool:
    """Whether a string is a word or an einsum equation; anything longer may be a prompt and is nobody's business."""
    return ("->" in text or not any(map(str.isspace, text))) and len(text) <= MAX_WORD


def _describe_items(items: Sequence[Any], length: int, numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    inner = [describe(item, numbers, tensors) for item in items]
    return (_LIST, *inner, (_MORE, length)) if length > MAX_ITEMS else (_LIST, *inner)


def _describe_subclass(value: torch.Tensor, numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    try:
        with torch._C.DisableTorchFunctionSubclass():
            shape, dtype, device = _shape_of(value), _dtype_of(value), _device_of(value)
    except RuntimeError:
        return _NESTED_LAYOUT
    tensors.append(value)
    # A symbolic size must not be compared: that would add a guard to a trace.
    numbers.extend([size if type(size) is int else -1 for size in shape])
    return (_TENSOR, len(shape), dtype, device)


def _describe_object(value: Any, kind: type[Any], numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    if kind.__name__.endswith("Cache"):
        keys = cached_keys(value)
        return (_CACHE, kind.__name__, None if keys is None else describe(keys, numbers, tensors))
    if issubclass(kind, dict) and dict.__len__(value) <= MAX_ITEMS:
        return (_MAPPING, kind.__name__, *_named_results(value, "", numbers, tensors, 0))
    return (_OBJECT, kind.__name__)


def layers_of(cache: Any) -> Any:
    """What a KV cache keeps its layers in, of an encoder-decoder's the decoder's; () where it has none."""
    try:
        return getattr(getattr(cache, "self_attention_cache", cache), "layers", ())
    except Exception:  # somebody's own class, which answers to no name but its own
        return ()


def cached_keys(cache: Any) -> torch.Tensor | None:
    """The first layer's keys of a KV cache, (batch, kv_heads, past, head_dim); None while it is empty."""
    layers = layers_of(cache)
    try:
        keys = getattr(layers[0], "keys", None) if type(layers) is list and layers else None
    except Exception:  # a layer of somebody's own, alike
        return None
    return keys if keys is not None and issubclass(type(keys), torch.Tensor) and keys.dim() > 1 else None


def describe_call(
    args: Sequence[Any], kwargs: Mapping[str, Any] | None, numbers: list[int], tensors: list[torch.Tensor]
) -> Layout:
    """Layouts of all arguments, each with its name ("" for a positional one)."""
    layout = [("", describe(value, numbers, tensors)) for value in args]
    if kwargs:
        layout += [(name, describe(value, numbers, tensors)) for name, value in kwargs.items()]
    return tuple(layout)


def tensor_places(layout: Layout) -> list[int]:
    """Where among the numbers of a call each of its tensors' sizes begin."""
    places: list[int] = []
    at = 0
    waiting = [part for _, part in reversed(layout)]
    while waiting:
        part = waiting.pop()
        if part[0] == _TENSOR:
            places.append(at)
            at += part[1]
        elif part[0] == _INT:
            at += 1
        elif part[0] in (_LIST, _SLICE):
            waiting += reversed(part[1:])
        elif part[0] == _CACHE and part[2] is not None:
            waiting.append(part[2])
        elif part[0] == _MAPPING:
            waiting += [inner for _, inner in reversed(part[2:])]
    return places


def describe_result(value: Any, numbers: list[int], tensors: list[torch.Tensor]) -> Layout:
    """The tensors of a result, each with its name where it has one: mappings, model outputs and lists are opened."""
    kind = type(value)
    if kind is torch.Tensor:
        return (("", describe(value, numbers, tensors)),)
    if value is None:
        return ()
    return tuple(_named_results(value, "", numbers, tensors, 0))


def _named_results(
    value: Any, label: str, numbers: list[int], tensors: list[torch.Tensor], depth: int
) -> Iterator[tuple[str, Layout]]:
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        yield label, describe(value, numbers, tensors)
    elif depth > 1:
        return
    elif issubclass(kind, dict):
        for name, item in dict.items(value):
            yield from _named_results(item, f"{label}{name}", numbers, tensors, depth + 1)
    elif issubclass(kind, tuple):
        for index, item in enumerate(tuple.__getitem__(value, _HEAD)):
            yield from _named_results(item, f"{label}[{index}]", numbers, tensors, depth + 1)
    elif issubclass(kind, list):
        for index, item in enumerate(list.__getitem__(value, _HEAD)):
            yield from _named_results(item, f"{label}[{index}]", numbers, tensors, depth + 1)


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
        if tag == _MAPPING:
            for name, part in layout[2:]:
                self.value(part, f"{label}.{name}")
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
        for label, (_, part) in zip(_labels(layout[0], names), layout[0], strict=True):
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
        else:
            yield positional(names, index) or f"arg{index}"
