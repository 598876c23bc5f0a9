"""Calls of ``nn.Module`` objects: the gate between the user's code and library code.

A library module that the user's code calls runs behind a door, as one event. A module of the user's own below it is watched
again. Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch import compiler
from torch._C import _get_tracing_state
from torch.compiler import is_dynamo_compiling

from shapeguard.capture import quiet
from shapeguard.capture.chains import chain_of, marked
from shapeguard.capture.modes import SwitchedOn
from shapeguard.capture.paths import path_of
from shapeguard.capture.preflight.kept import behind_what_is_shared, fed_again, note_beginning
from shapeguard.capture.state import Standing, recorders, state
from shapeguard.capture.steady import step_of
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.usercode import USER, user_code
from shapeguard.capture.wrappers.door import fell, fell_inside, watched
from shapeguard.capture.wrappers.padding import ids_side, mask_side

_IGNORED = -100  # what transformers' losses leave out


class _Kind(NamedTuple):
    users: bool  # the class's forward is the user's own code
    model: bool  # a transformers model
    parameters: tuple[str, ...]  # names of forward's positional parameters


_kinds: dict[type, _Kind] = {}
_MAX_KINDS = 4096


def kind_of(cls: type) -> _Kind:
    """What is known of a module's class, worked out once."""
    known = _kinds.get(cls)
    if known is None:
        if len(_kinds) >= _MAX_KINDS:  # classes made anew all the time
            _kinds.clear()
            quiet.passing.clear()
        model = hasattr(cls, "main_input_name") and hasattr(cls, "get_input_embeddings")
        code = _code_of(getattr(cls, "forward", None))
        names = code.co_varnames[1 : code.co_argcount] if code is not None else ()
        known = _kinds[cls] = _Kind(_is_users(code), model, names)
        if not known.users and not known.model:
            quiet.passing.add(cls)
    return known


def _code_of(forward: Any) -> CodeType | None:
    code = getattr(inspect.unwrap(forward) if callable(forward) else None, "__code__", None)
    return code if type(code) is CodeType else None


def _is_users(code: CodeType | None) -> bool:
    return code is not None and user_code.kind(code) == USER


def wrap_module_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """The gate, on ``nn.Module.__call__``.

    Where torch's own method only chooses between two others, the gate chooses in its place: a call less for each module.
    """
    plain = getattr(getattr(original, "__code__", None), "co_names", ()) == ("_compiled_call_impl", "_call_impl")

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if quiet.steady and plain and self._compiled_call_impl is None:
            return self._call_impl(*args, **kwargs)
        # Early, or a trace is guarded by what is asked before; at a third of the cost of torch.compiler.is_compiling().
        if is_dynamo_compiling():
            return original(self, *args, **kwargs)
        if type(self) in quiet.types and "forward" not in self.__dict__ and self._compiled_call_impl is None:
            return self._call_impl(*args, **kwargs) if plain else original(self, *args, **kwargs)
        now = state.now
        if now.steady:
            return original(self, *args, **kwargs)
        inside = now.inside
        if inside is not None and type(self) in quiet.passing and "forward" not in self.__dict__:
            return original(self, *args, **kwargs)
        if compiler._is_compiling_flag:
            return original(self, *args, **kwargs)
        kind = _kinds.get(type(self)) or kind_of(type(self))
        users = kind.users or ("forward" in self.__dict__ and _is_users(_code_of(self.__dict__["forward"])))
        if inside is not None:
            if users:
                with SwitchedOn():
                    return marked(original, (self, *args), kwargs)
            if not kind.model or self is not now.root or now.covered:
                return original(self, *args, **kwargs)
            return _repeating(now, inside, _through_the_gate, original, self, args, kwargs, sys._getframe(1))
        if not recorders() or _get_tracing_state() is not None:
            return original(self, *args, **kwargs)
        outermost = now.root is None
        if outermost:
            now.root = self
        frame = sys._getframe(1)
        try:
            if outermost and (users or kind.model):
                run = _of_the_users if users else _through_the_gate
                return _repeating(now, chain_of(frame), run, original, self, args, kwargs, frame)
            if not users:
                return _through_the_gate(original, self, args, kwargs, frame)
            return _of_the_users(original, self, args, kwargs, frame)
        finally:
            if outermost:
                now.root = None

    __call__._torchdynamo_inline = original  # type: ignore[attr-defined]  # what torch.compile traces instead
    return __call__


def _of_the_users(
    original: Callable[..., Any], module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    """A module of the user's own: what it does is watched, op by op."""
    if not state.now.mode_off:
        return marked(original, (module, *args), kwargs)
    with SwitchedOn():
        return marked(original, (module, *args), kwargs)


def _repeating(
    now: Standing,
    chain: int,
    run: Callable[..., Any],
    original: Callable[..., Any],
    module: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    frame: FrameType,
) -> Any:
    """An outermost call: passed where it repeats what the calls before it did, else watched and compared with them."""
    step = step_of(now, module, chain, run is _of_the_users)
    if step is None:
        return run(original, module, args, kwargs, frame)
    if step.going and step.goes_on(module, args, kwargs):
        try:
            return step.go(now, original, module, args, kwargs)
        except BaseException as error:
            if run is _through_the_gate:
                fell_inside(error)
                given = _labels(module, args, kwargs)
                fell(error, "forward", type(module).__name__, given, frame, path_of(module), module, step.given)
            raise
    before = step.before(args, kwargs)
    result = run(original, module, args, kwargs, frame)
    if before is not None:
        step.after(before, args, kwargs, result)
    return result


def _labels(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``forward`` by their names."""
    kind = kind_of(type(module))
    given = {**dict(zip(kind.parameters, args, strict=False)), **kwargs}
    for index in range(len(kind.parameters), len(args)):
        given[f"input[{index}]"] = args[index]
    return given


def _through_the_gate(
    original: Callable[..., Any], module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType
) -> Any:
    kind = kind_of(type(module))

    padded = type(module) is torch.nn.Embedding and module.padding_idx is not None

    def labelled() -> dict[str, Any]:
        given = _labels(module, args, kwargs)
        if padded:
            return {**given, **_padded_ends(given.get("input"), module.padding_idx)}
        return {**given, **_padding(module, given, frame)} if kind.model else given

    result = watched(
        functools.partial(original, module),
        args,
        kwargs,
        frame,
        "forward" if kind.model else "module",
        type(module).__name__,
        labelled,
        path_of(module),
        cover=False,
        owner=module,
        told=None if kind.model or padded else (args, kwargs),  # the padding is told, too
    )
    if kind.model:
        try:
            note_beginning(_labels(module, args, kwargs).get("input_ids"), result)
        except Exception as trouble:
            own_trouble(trouble)
    return result


def _padding(model: Any, given: dict[str, Any], frame: FrameType) -> dict[str, Any]:
    """Padding sides of a prefill: a decoding step of one token tells nothing new."""
    ids, mask = given.get("input_ids"), given.get("attention_mask")
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or ids.shape[1] < 2:
        return {}
    config = getattr(model, "config", None)
    pads = [getattr(config, "pad_token_id", None)]
    masked = "absent" if mask is None else mask_side(mask)
    cache = given.get("past_key_values")
    again = fed_again(cache, ids)
    beyond = behind_what_is_shared(cache, ids, frame) if again is None and cache is not None else None
    return {
        "ids padded": ids_side(ids, pads),
        "mask padded": masked,
        **({"counts columns": _counts_columns(model)} if masked in ("left", "both") else {}),
        "encoder-decoder": bool(getattr(config, "is_encoder_decoder", False)),
        **({"cached already": again} if again is not None else {}),
        **({"cached beyond": beyond} if beyond is not None else {}),
        **({"every label ignored": True} if _all_ignored(given.get("labels")) else {}),
    }


def _padded_ends(ids: Any, pad: int) -> dict[str, Any]:
    """Whether ids on the CPU, (batch, seq) or (seq, batch), have padding at the end of a dim and none where it begins."""
    if type(ids) is not torch.Tensor or ids.dim() != 2 or not ids.is_cpu or not ids.numel():
        return {}
    with torch._C.DisableTorchFunction():
        ends = [dim for dim in (0, 1) if _at_the_end(ids, dim, pad)]
    return {"padded at the end": ends} if ends else {}


def _at_the_end(ids: torch.Tensor, dim: int, pad: int) -> bool:
    last, first = ids.select(dim, -1), ids.select(dim, 0)
    return bool((last == pad).any()) and not bool((first == pad).any())


def _all_ignored(labels: Any) -> bool:
    """Whether labels on the CPU, one for each token, are -100 throughout: the loss is the mean of nothing."""
    tokens = type(labels) is torch.Tensor and labels.dim() == 2 and labels.is_cpu and not labels.is_floating_point()
    return tokens and labels.numel() > 0 and not bool((labels != _IGNORED).any())


def _counts_columns(model: Any) -> bool:
    """Whether a decoder looks positions up in a plain table, by column: tables of classes of their own read the mask."""
    try:
        tables = (getattr(part, "wpe", None) for part in (model, getattr(model, "base_model", None)))
        return any(type(table) is torch.nn.Embedding for table in tables)
    except Exception:
        return False
