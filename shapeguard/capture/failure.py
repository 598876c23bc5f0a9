"""From a traceback to values: which expression failed in which frame, and what its operands were."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import msgspec
from pure_eval import CannotEval

from shapeguard.capture.chains import chains
from shapeguard.capture.evaluate import FrameValues, operand_nodes, operation_name
from shapeguard.capture.export import position
from shapeguard.capture.failing_node import FailingNode
from shapeguard.capture.misfits import attributes, misfits
from shapeguard.capture.owners import layer_of
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.signatures import known_names, parameter
from shapeguard.capture.tracebacks import frames_of
from shapeguard.capture.usercode import user_code
from shapeguard.values.findings import ExceptionInfo, FactValue
from shapeguard.values.recording import Failure, FrameInfo, NamedValue

_LIBRARY_FRAMES = 4  # innermost library frames looked into; the user's are looked into all
_MAX_LOCALS = 40
_MAX_ITEMS = 16
_MAX_INDEX = 1 << 20  # elements of an index tensor whose extremes are looked up
_SAME_ENTRIES = frozenset(
    {"unsqueeze", "squeeze", "view", "reshape", "flatten", "unflatten", "long", "int", "to", "cpu", "clone", "detach", "contiguous",
     "t", "transpose", "permute", "expand"}
)  # fmt: skip
_FUNCTIONAL = "torch/nn/functional.py"


def exception_info(error: BaseException) -> ExceptionInfo:
    """Type and message of an exception."""
    return ExceptionInfo(type(error).__name__, _message(error))


def _message(error: BaseException) -> str:
    try:
        return str(error)[:4000]
    except Exception:
        return "(the exception's own text could not be made)"


def describe_failure(error: BaseException, recorder: Recorder, thread: str = "") -> Failure:
    """Everything at hand about an exception that left the guarded code."""
    recorder.settle()
    frames = list(frames_of(error))
    root = next((own for frame, *_ in frames if (own := _own_module(frame)) is not None), None)
    near = {id(frame) for frame, *_ in frames[-_LIBRARY_FRAMES:]}
    described = []
    for frame, offset, line in frames:
        user = user_code.is_user(frame)
        described.append(_FrameReader(frame, offset, line, recorder, root).read(user, user or id(frame) in near))
    text = f"{type(error).__name__}: {_message(error)[:500]}"
    row = next((segment.row for segment in reversed(recorder.segments) if segment.error == text), None)
    remote = (
        str(getattr(error, "__cause__", None) or "") if type(error.__cause__).__name__ == "_RemoteTraceback" else ""
    )
    return Failure(exception_info(error), tuple(described), row, thread, tuple(_causes(error)), remote)


def _causes(error: BaseException) -> Iterator[ExceptionInfo]:
    seen = {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield exception_info(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _torch() -> Any:
    return sys.modules.get("torch")


def _own_module(frame: FrameType) -> Any:
    """The nn.Module whose method this frame runs."""
    torch = _torch()
    names = frame.f_code.co_varnames
    if torch is None or not names or not frame.f_code.co_argcount:
        return None
    value = frame.f_locals.get(names[0])
    return value if isinstance(value, torch.nn.Module) else None


class _FrameReader:
    def __init__(self, frame: FrameType, offset: int, line: int, recorder: Recorder, root: Any) -> None:
        self.frame = frame
        self.offset = offset
        self.line = line
        self.recorder = recorder
        self.root = root
        self.torch = _torch()
        self.user = False

    def read(self, user: bool, closely: bool) -> FrameInfo:
        """The frame as a value; library frames far from the failure are only named."""
        self.user = user
        code = self.frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        if not closely:
            return FrameInfo(code.co_filename, self.line, name, user, module=self._module_path(), owner=self._owner())
        found = FailingNode(self.frame, self.offset)
        if len(found.compared) > 1:
            values = FrameValues(self.frame, self.torch)
            found.node = next((node for node in found.compared if values.differ(node)), found.node)
        return FrameInfo(
            file=code.co_filename,
            line=self.line,
            function=name,
            user=user,
            end_line=getattr(found.node, "end_lineno", 0) or 0,
            statement=found.statement.lineno if found.statement is not None else self.line,
            source=self._text(found, found.statement),
            expression=self._text(found, found.node),
            op=operation_name(found.node) if found.node is not None else "",
            module=self._module_path(),
            owner=self._owner(),
            operands=tuple(self._operands(found)),
            locals=tuple(self._locals()),
        )

    def _text(self, found: FailingNode, node: ast.AST | None) -> str:
        if node is None or found.source is None:
            return ""
        with suppress(Exception):
            if isinstance(node, ast.stmt) and getattr(node, "body", None):
                return str(found.source.lines[node.lineno - 1]).strip()
            return ast.get_source_segment(found.source.text, node) or ""
        return ""

    def _module_path(self) -> str:
        module = _own_module(self.frame)
        if module is None or self.root is None:
            return ""
        with suppress(Exception):
            return next((name for name, child in self.root.named_modules() if child is module), "")
        return ""

    def _owner(self) -> int | None:
        """The row in which the object was built whose method this frame runs."""
        code = self.frame.f_code
        owner = self.frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        try:
            return None if owner is None else self.recorder.origin(owner)
        except TypeError:
            return None

    # -- operands --------------------------------------------------------------------------------------------------

    def _operands(self, found: FailingNode) -> Iterator[NamedValue]:
        if found.node is None:
            return
        node: ast.AST = found.node
        if isinstance(node, ast.Assign | ast.Return | ast.Expr) and isinstance(node.value, ast.expr):
            node = node.value
        op = operation_name(node)
        names = known_names(op)
        if op in ("embedding", "embedding_bag") and self.frame.f_code.co_filename.endswith(_FUNCTIONAL):
            names = ("weight", "input", "offsets")  # torch's own take them the other way round than those of F
        values = FrameValues(self.frame, self.torch)
        results = self._recorded_results()
        method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        for place, operand in operand_nodes(node):
            if place == "callee":
                yield from self._callee(operand, values, found)
                continue
            label = self._label(place, names, values, operand, method)
            if label is not None:
                yield from self._named(operand, label, values, results, self._text(found, operand))

    def _callee(self, node: ast.expr, values: FrameValues, found: FailingNode) -> Iterator[NamedValue]:
        """The called object, where it is one that was built (a module, a tokenizer) and no plain function."""
        with suppress(CannotEval, Exception):
            value = values[node]
            origin = self.recorder.origin(value)
            if origin is not None:
                yield NamedValue(self._text(found, node), "callee", type=type(value).__name__, origin=origin)

    def _label(
        self, place: str, names: tuple[str, ...], values: FrameValues, operand: ast.expr, method: bool
    ) -> str | None:
        """The parameter's name; None for what stands before the dot and is no operand (``torch`` in ``torch.cat``)."""
        tensor_method = False
        if place == "self":
            with suppress(CannotEval, Exception):
                owner = values[operand]
                if isinstance(owner, type(sys) | type):
                    return None
            return "input"
        if method and place.isdigit():
            tensor_method = True
        if place.isdigit():
            index = int(place) + (1 if tensor_method and not self._is_function_call(operand) else 0)
            return parameter(names, index, operand) or place
        return place

    def _is_function_call(self, operand: ast.expr) -> bool:
        """Whether the call the operand stands in is ``module.function(...)`` and not a tensor's method."""
        call = getattr(operand, "parent", None)
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return True
        with suppress(CannotEval, Exception):
            return isinstance(FrameValues(self.frame, self.torch)[call.func.value], type(sys) | type)
        return False

    def _named(
        self, node: ast.expr, label: str, values: FrameValues, results: dict[tuple[int, ...], int], text: str
    ) -> Iterator[NamedValue]:
        if isinstance(node, ast.List | ast.Tuple):
            for index, item in enumerate(node.elts[:_MAX_ITEMS]):
                inner = item.value if isinstance(item, ast.Starred) else item
                yield from self._named(inner, f"{label}[{index}]", values, results, ast.unparse(item))
            return
        try:
            value = values[node]
        except (CannotEval, Exception):
            row = results.get((node.lineno, node.end_lineno or 0, node.col_offset, node.end_col_offset or 0))
            told = self._from_row(row, text, label) if row is not None else self._arranged(node, values, text, label)
            yield msgspec.structs.replace(told, value=self._extremes_behind(node, values))
            return
        yield from self._values(value, text, label)

    def _arranged(self, node: ast.expr, values: FrameValues, text: str, label: str) -> NamedValue:
        """An operand that is a known tensor's entries in another arrangement."""
        with suppress(CannotEval, Exception):
            made = values.arranged(node)
            return NamedValue(
                text, label, shape=tuple(made.shape), dtype=str(made.dtype).removeprefix("torch."), type="Tensor"
            )
        return NamedValue(text, label)

    def _from_row(self, row: int, text: str, label: str) -> NamedValue:
        from shapeguard.capture.export import Exporter

        segment = self.recorder.segments[row]
        exporter = Exporter(self.recorder)
        list(exporter._chain_lines(segment.key[3]))
        outputs = exporter.row(segment).outputs
        if not outputs:
            return NamedValue(text, label)
        out = outputs[0]
        return NamedValue(text, label, shape=out.last, dtype=out.dtype, device=out.device, origin=row, type="Tensor")

    def _recorded_results(self) -> dict[tuple[int, ...], int]:
        """Latest row recorded at each place of this frame's code, by the place's position in the file."""
        code = self.frame.f_code
        latest: dict[tuple[int, ...], int] = {}
        for segment in self.recorder.segments:
            places = chains[segment.key[3]]
            if places and places[0][0] is code and not segment.error:
                latest[position(code, places[0][1])] = segment.row
        return latest

    def _values(self, value: Any, text: str, label: str) -> Iterator[NamedValue]:
        """A value, and the tensors of a short list, tuple or dict."""
        yield self._value(value, text, label)
        if isinstance(value, list | tuple):
            for index, item in enumerate(value[:_MAX_ITEMS]):
                if self._is_tensor(item):
                    yield self._value(item, f"{text}[{index}]", f"{label}[{index}]")
        elif isinstance(value, dict):
            for key, item in list(value.items())[:_MAX_ITEMS]:
                if isinstance(key, str) and self._is_tensor(item):
                    yield self._value(item, f"{text}[{key!r}]", key)

    def _is_tensor(self, value: Any) -> bool:
        return self.torch is not None and isinstance(value, self.torch.Tensor)

    def _value(self, value: Any, text: str, label: str) -> NamedValue:
        kind = type(value).__name__
        if self._is_tensor(value):
            return self._tensor(value, text, label, kind)
        origin = None
        with suppress(TypeError):
            origin = self.recorder.origin(value)
        if kind.endswith("Cache"):
            with suppress(Exception):  # somebody's own class may answer to no name but its own
                if self._is_tensor(keys := value.layers[0].keys):
                    return self._tensor(keys, text, label, kind)
        return NamedValue(text, label, value=_plain(value), type=kind, origin=origin)

    def _tensor(self, value: Any, text: str, label: str, kind: str) -> NamedValue:
        try:
            return NamedValue(
                text,
                label,
                shape=tuple(map(int, value.shape)),
                stride=tuple(map(int, value.stride())) if value.layout is self.torch.strided else None,
                dtype=str(value.dtype).removeprefix("torch."),
                device=str(value.device),
                origin=self._origin(value),
                value=self._extremes(value),
                type=kind,
            )
        except Exception:
            return NamedValue(text, label, type=kind)

    def _origin(self, value: Any) -> int | None:
        """The row that made a tensor; for a layer's own, in the user's hands, the row in which the layer was built."""
        known = self.recorder.origin(value)
        if known is not None or not self.user or not value.is_floating_point():
            return known
        return layer_of(self.recorder, self.torch, value, self.frame.f_locals.get("self"))

    def _extremes(self, value: Any, counted: bool = False) -> FactValue:
        """Smallest and largest entry of an integer tensor on the CPU: an index out of range is one of them. Of a mask its true ones."""
        whole = counted or (not value.is_floating_point() and not value.is_complex())
        if not whole or value.device.type != "cpu" or not 0 < value.numel() <= _MAX_INDEX or value.is_meta:
            return None
        if value.dtype is self.torch.bool:
            return int(value.sum())
        return [int(value.min()), int(value.max())]

    def _extremes_behind(self, node: ast.expr, values: FrameValues) -> FactValue:
        """Extremes of ``labels.unsqueeze(1)``: those of ``labels``, for the call only arranges the same entries."""
        counted = False  # a float tensor's numbers taken for whole ones, ``boxes[:, 0].long()``
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SAME_ENTRIES:
            counted = counted or node.func.attr in ("long", "int")
            node = node.func.value
        for read in (values.__getitem__, values.part):
            with suppress(CannotEval, Exception):
                value = read(node)
                if self._is_tensor(value):
                    return self._extremes(value, counted)
        return None

    # -- locals ----------------------------------------------------------------------------------------------------

    def _locals(self) -> Iterator[NamedValue]:
        """Tensors, numbers and shapes among the frame's locals, and among the attributes of ``self`` the code reads."""
        local = dict(self.frame.f_locals)
        shown = 0
        for name, value in local.items():
            if name.startswith("__") or shown >= _MAX_LOCALS:
                continue
            with suppress(Exception):  # an object of somebody's may answer to nothing as others do
                told = list(self._told(name, value))
                shown += bool(told)
                yield from told
        code = self.frame.f_code
        owner = local.get(code.co_varnames[0]) if code.co_argcount else None
        if owner is None or attributes(owner) is None:
            return
        own = code.co_varnames[0]
        values = FrameValues(self.frame, self.torch)
        for name in code.co_names:
            with suppress(CannotEval, Exception):
                value = values._attribute(owner, name)
                if self._is_tensor(value) or _plain(value) is not None:
                    yield self._value(value, f"{own}.{name}", name)

    def _told(self, name: str, value: Any) -> Iterator[NamedValue]:
        worth = self._is_tensor(value) or _plain(value) is not None or type(value).__name__.endswith("Cache")
        return self._values(value, name, name) if worth or _holds_tensors(value, self.torch) else misfits(value)


def _holds_tensors(value: Any, torch: Any) -> bool:
    if torch is None or not isinstance(value, list | tuple | dict):
        return False
    items = list(value.values())[:4] if isinstance(value, dict) else value[:4]
    return any(isinstance(item, torch.Tensor) for item in items)


def _plain(value: Any) -> FactValue:
    """Ints, bools and short sequences of ints; None for everything else: contents are nobody's business."""
    if isinstance(value, bool | int):
        return int(value) if not isinstance(value, bool) else value
    if isinstance(value, list | tuple) and 0 < len(value) <= 8 and all(type(item) is int for item in value):
        return list(value)
    return None
