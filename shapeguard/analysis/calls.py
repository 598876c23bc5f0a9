"""Rows and frames as the calls that semantics knows."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from shapeguard.analysis.semantics import Call
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import FactValue
from shapeguard.values.recording import FrameInfo, NamedValue, Row, TensorArg
from shapeguard.values.shapes import Shape


def call_of_row(row: Row, first: bool = False, built: Row | None = None) -> Call:
    """The call a row stands for, with the shapes of its last (or first) occurrence.

    ``built`` is the row in which the called layer was constructed: its numbers say what the layer wants.
    """
    tensors = [(tensor.label, tensor.first if first else tensor.last) for tensor in row.inputs]
    args = {**(built.args if built is not None else {}), **row.args, **(row.args_first if first else {})}
    if row.op in ("index_put", "index_put_"):
        return Call(row.op, *_put(tensors, row.inputs))
    if row.op in ("getitem", "setitem"):
        args["index"] = index_items(args.get("index"), row.inputs)
    return Call(row.op, tensors, _merge_starred(args))


def _put(
    tensors: Sequence[tuple[str, Shape]], inputs: Sequence[TensorArg]
) -> tuple[list[tuple[str, Shape]], dict[str, FactValue]]:
    """The operands of ``x.index_put((rows, places), values)`` as those of ``x[rows, places] = values``."""
    indices = [tensor for tensor in inputs[1:] if "[" in tensor.label]
    named = [
        (label if "[" in label or number == 0 else "value", shape) for number, (label, shape) in enumerate(tensors)
    ]
    return named, {"index": [_of_tensor(tensor.dtype, tensor.last) for tensor in indices]}


def _merge_starred(args: dict[str, FactValue]) -> dict[str, FactValue]:
    """``size[0]``, ``size[1]`` become one list ``size``."""
    merged: dict[str, FactValue] = {}
    for name, value in args.items():
        base, bracket, _ = name.partition("[")
        if bracket and isinstance(value, int):
            items = merged.setdefault(base, [])
            if isinstance(items, list):
                items.append(value)
        else:
            merged[name] = value
    return merged


def index_items(index: FactValue, tensors: Sequence[TensorArg]) -> list[int | str]:
    """An index in the words of semantics: ``int:3``, ``slice:0:5:``, ``none``, ``ellipsis``, ``index:(2,)``, ``mask:(3,)``."""
    waiting = [tensor for tensor in tensors[1:] if tensor.label.startswith("index")]
    if index is None or index == "tensor":
        parts: list[int | str] = ["tensor"] if waiting else ["None"]
    else:
        parts = list(index) if isinstance(index, list) else [index if isinstance(index, int) else str(index)]
    return [_index_item(part, waiting) for part in parts]


def _index_item(part: int | str, waiting: list[TensorArg]) -> str:
    if isinstance(part, int):
        return f"int:{part}"
    if part == "tensor" and waiting:
        tensor = waiting.pop(0)
        return _of_tensor(tensor.dtype, tensor.last)
    if part == "None":
        return "none"
    if part == "...":
        return "ellipsis"
    if part.startswith("["):
        return f"index:({part.count(',') + 1},)"
    if ":" in part:
        return f"slice:{part}" + ("" if part.count(":") == 2 else ":")
    return f"index:({part},)"


def _of_tensor(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{'mask' if dtype in ('bool', 'uint8') else 'index'}:{shape}"


def call_of_frame(frame: FrameInfo) -> Call:
    """The failing expression of a frame, with the operands whose values were at hand."""
    tensors = [(value.label, value.shape) for value in frame.operands if value.shape is not None]
    args: dict[str, FactValue] = {
        value.label: value.value for value in frame.operands if value.shape is None and value.value is not None
    }
    index = next((v for v in frame.operands if v.label == "index" and v.shape is not None), None)
    if frame.op in ("getitem", "setitem") and index is not None:
        args["index"] = [_of_tensor(index.dtype, index.shape or ())]
    words = {value.label: word for value in frame.operands if (word := _literal(value)) is not None}
    return Call(frame.op, tensors, _merge_starred({**args, **words}), known_values(frame))


def _literal(value: NamedValue) -> str | None:
    """The text that stands in the code itself: an equation, a mode."""
    if value.type != "str":
        return None
    node = parsed_text(value.expression)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _extremes(value: NamedValue) -> list[int | str] | None:
    """The least and the greatest number of an operand of which they were noted."""
    return value.value if isinstance(value.value, list) and len(value.value) == 2 else None


def known_values(frame: FrameInfo, inputs: Sequence[TensorArg] = ()) -> dict[str, FactValue]:
    """What is known of the operands beyond their shapes: the first one's strides, the extremes of an index, a mask's true ones."""
    values: dict[str, FactValue] = {}
    tensors = [value for value in frame.operands if value.shape is not None]
    if tensors and tensors[0].stride is not None and (not inputs or inputs[0].last == tensors[0].shape):
        values["stride"] = list(tensors[0].stride)
    ranges = [(value.label, extremes) for value in tensors if (extremes := _extremes(value)) is not None]
    index = next((extremes for label, extremes in ranges if label.startswith("ind")), ranges[0][1] if ranges else None)
    if index is not None:
        values["index_min"], values["index_max"] = index
    listed = next(
        (v for v in frame.operands if v.label.startswith("ind") and v.shape is None and v.type == "list"), None
    )
    if index is None and listed is not None and isinstance(listed.value, list):
        numbers = [number for number in listed.value if type(number) is int]
        if numbers and len(numbers) == len(listed.value):
            values["index_min"], values["index_max"] = min(numbers), max(numbers)
    labels = [tensor.label for tensor in inputs] if len(inputs) == len(tensors) else [value.label for value in tensors]
    for label, value in zip(labels, tensors, strict=True):
        if (extremes := _extremes(value)) is not None:
            values[f"{label}_max"] = extremes[1]
    masks = [value for value in tensors if value.dtype == "bool" and isinstance(value.value, int)]
    if len(masks) == 1:
        values["mask_count"] = masks[0].value
    return values
