"""The torch function mode: every torch operation that the user's own code issues.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import _getframe
from types import CodeType, FrameType
from typing import Any

import torch
from torch import compiler
from torch._C import DisableTorchFunction, _get_tracing_state, _len_torch_function_stack
from torch.compiler import is_dynamo_compiling
from torch.overrides import TorchFunctionMode

from shapeguard.capture import state as states
from shapeguard.capture.chains import MARK, chain_of
from shapeguard.capture.record import Event, failed
from shapeguard.capture.state import state
from shapeguard.capture.trouble import let_through, own_trouble
from shapeguard.capture.usercode import LIBRARY, USER, user_code

_REACH = 8  # library frames an op may lie below the user's line and still be set down to it

# Attributes that are tensors; all other attribute reads pass unseen.
_TENSOR_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag", "grad"})
# Questions about a tensor, and what leaves the world of tensors.
_UNSEEN = frozenset(
    [
        "__len__",
        "__bool__",
        "__format__",
        "__repr__",
        "__hash__",
        "__contains__",
        "__dir__",
        "__array__",
        "__reduce_ex__",
        "__deepcopy__",
        "__int__",
        "__float__",
        "__index__",
        "size",
        "dim",
        "ndimension",
        "numel",
        "nelement",
        "stride",
        "storage_offset",
        "data_ptr",
        "element_size",
        "is_contiguous",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "is_inference",
        "is_pinned",
        "is_shared",
        "is_same_size",
        "get_device",
        "type",
        "tolist",
        "item",
        "numpy",
        "backward",
        "detach_",
        "requires_grad_",
        "retain_grad",
        "register_hook",
        "register_post_accumulate_grad_hook",
        "untyped_storage",
        "storage",
        "zero_grad",
        "equal",
        "allclose",
        "is_tensor",
        "is_storage",
        "numpy_T",
        "__cuda_array_interface__",
        "__dlpack__",
        "__dlpack_device__",
        "__setstate__",
        "is_nonzero",
        "get_default_dtype",
        "set_printoptions",
        "_is_view",
        "is_set_to",
        "sparse_dim",
        "dense_dim",
        "has_names",
        "refine_names",
        "align_to",
        "manual_seed",
        "is_conj",
        "is_neg",
        "__torch_dispatch__",
        "_is_zerotensor",
        "_has_compatible_shallow_copy_type",
        "compute_grad",
        "_set_grad_enabled",
        "_record_function_enter_new",
        "_record_function_exit._RecordFunction",
    ]
)
CONCAT = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"})
ALWAYS = CONCAT | {"scaled_dot_product_attention"}  # seen in library code that was entered through no door of ours, too
# Their first argument is data: only how it is nested is recorded.
_MADE_OF_DATA = frozenset({"tensor", "as_tensor", "asarray"})
_SCATTERED = frozenset({"masked_scatter", "masked_scatter_"})
_MAX_KNOWN = 4096
_known: dict[Callable[..., Any], str] = {}
_whose = user_code.known.get


def op_name(func: Callable[..., Any]) -> str:
    """The op's name as the user knows it ("cat", "getitem", "add"); "" for what passes unseen."""
    try:
        return _known[func]
    except KeyError:
        pass
    except Exception:  # somebody's own function may not be hashable
        return ""
    if len(_known) >= _MAX_KNOWN:  # functions made anew for each call
        _known.clear()
    _known[func] = name = _name_of(func)
    return name


def _name_of(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", None)
    if type(name) is not str:
        return type(func).__name__
    if name == "__get__":
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        return attribute if attribute in _TENSOR_ATTRIBUTES else ""
    if name in _UNSEEN or name in ("__set__", "__delete__"):
        return ""
    return name.strip("_") if name.startswith("__") else name


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The user's frame an op is set down to; None when a layer or a model issued it for itself."""
    known = user_code.known
    for _ in range(_REACH):
        if frame is None:
            return None
        code = frame.f_code
        whose = known.get(id(code))
        if whose is None:
            whose = user_code.kind(code)
        if whose == USER:
            return frame
        if whose != LIBRARY:
            return None
        frame = frame.f_back
    return None


class OpsMode(TorchFunctionMode):
    """Records the operations it sees and changes nothing about them."""

    def __init__(self, everything: bool) -> None:
        super().__init__()
        self.everything = everything  # level "all": library code too

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if kwargs is None:
            kwargs = {}
        # While compiling, what we ask would stand in the graph. (torch.compiler.is_compiling() at a third of its cost.)
        if is_dynamo_compiling() or compiler._is_compiling_flag or _get_tracing_state() is not None:
            return func(*args, **kwargs)
        try:
            op = _known[func]
        except Exception:  # new, or somebody's own function that is not hashable
            op = op_name(func)
        now = state.now
        own = now.recorders
        watching = states.process_recorders if own is None else own
        if not op or not watching:
            return func(*args, **kwargs)
        frame = _getframe(1)
        at: FrameType = frame.f_back or frame if op in ALWAYS else frame  # they are called through a stand-in of ours
        code = at.f_code
        marks = now.marks
        if (
            marks
            and now.inside is None
            and _whose(id(code)) == USER
            and (below := at.f_back) is not None
            and below.f_code is MARK
            and (mark := marks[-1])[0] == id(below)
            and mark[1]
        ):  # right in the forward of the user's module that was called last: what lies outside of it is one number
            place = (func, id(code), at.f_lasti, ~mark[1][0])
        elif not self.everything and op not in ALWAYS and user_frame(frame) is None:
            return func(*args, **kwargs)
        else:
            chain = now.inside
            place = (func, id(code), at.f_lasti, chain_of(frame) if chain is None else chain)
        spots = now.spots
        if spots is None or spots.watching is not watching or _len_torch_function_stack():
            return _recorded(op, func, args, kwargs, frame, place, code)
        spot = spots.known.get(place)
        if spot is None:
            return _recorded(op, func, args, kwargs, frame, place, code)
        recorder = spots.recorder
        for form in spot.forms:
            try:
                known = form.read(args, kwargs, recorder.origins, form)
            except Exception as trouble:  # not of this form, or without a shape
                let_through(trouble)
                continue
            if known is not None:
                break
        else:
            return _recorded(op, func, args, kwargs, frame, place, code)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            _close(Event.read(spots, form, known), op, func, None, frame, failed(error))
            raise
        try:
            made = form.read_result(result, form)
        except Exception as trouble:
            let_through(trouble)
            made = None
        if made is None:
            _close(Event.read(spots, form, known), op, func, result, frame)
            return result
        try:
            recorder.again(form, known[0], known[1], made[0], made[1])
        except BaseException as trouble:
            own_trouble(trouble)
        return result


def _recorded(
    op: str,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
    place: Any,
    code: CodeType,
) -> Any:
    try:
        told = _as_told(op, args)
        event = Event(told, kwargs, place if told is args else None, code)
    except BaseException as trouble:
        own_trouble(trouble)
        return func(*args, **kwargs)
    try:
        result = func(*args, **kwargs)
    except BaseException as error:
        _close(event, op, func, None, frame, failed(error))
        raise
    _close(event, op, func, result, frame)
    return result


def _close(event: Event, op: str, func: Any, result: Any, frame: FrameType, error: str = "") -> None:
    try:
        event.done("concat" if op in CONCAT else "op", op, func, result, frame, error=error)
    except BaseException as trouble:
        own_trouble(trouble)


def _as_told(op: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments as they are recorded: data by its nesting, and ``x[[0, 1]]`` apart from ``x[0, 1]``."""
    if op in _MADE_OF_DATA and args:
        return (_nesting(args[0]), *args[1:])
    if op in ("getitem", "setitem") and type(args[1]) is list:
        return (args[0], (args[1],), *args[2:])
    if op in _SCATTERED and len(args) == 3:
        return (*args, *_count(args[1]))
    return args


def _count(mask: Any) -> tuple[int, ...]:
    """How many True elements a mask has, where they are free to be counted: what it takes of a source shows in no shape."""
    if type(mask) is not torch.Tensor or mask.dtype is not torch.bool or mask.device.type != "cpu":
        return ()
    try:
        with DisableTorchFunction():
            return (int(mask.count_nonzero()),)
    except RuntimeError:  # below vmap a tensor has no values of its own
        return ()


def _nesting(data: Any, depth: int = 0) -> Any:
    """Lengths of nested lists in place of what they hold: [[1, 2], [3]] is "2 rows of 2, 1"."""
    if type(data) not in (list, tuple):
        return data if isinstance(data, torch.Tensor) else type(data).__name__
    lengths = {len(row) if type(row) in (list, tuple) else -1 for row in data}
    if lengths == {-1} or not lengths or depth:
        return [len(data)]
    return [len(row) if type(row) in (list, tuple) else -1 for row in data[:64]]
