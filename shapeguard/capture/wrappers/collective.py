"""Collectives of ``torch.distributed``: what this rank brings, set down before the call, which may never return.

A mismatch between ranks can hang, or abort the process in C++ with no Python exception at all; so a new row is on disk
before the collective begins. Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch.distributed as dist

from shapeguard.capture import children
from shapeguard.capture.record import Event, failed
from shapeguard.capture.state import recorders, state
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import Door, idle

# Names that are also ops of tensors are told apart from them.
_TOLD_AS = {name: f"distributed.{name}" for name in ("gather", "scatter", "broadcast", "reduce")}
_PARAMETERS = {
    "all_reduce": ("tensor",),
    "broadcast": ("tensor", "src"),
    "reduce": ("tensor", "dst"),
    "all_gather": ("tensor_list", "tensor"),
    "gather": ("tensor", "gather_list", "dst"),
    "scatter": ("tensor", "scatter_list", "src"),
    "all_gather_into_tensor": ("output_tensor", "input_tensor"),
    "all_gather_single": ("output_tensor", "input_tensor"),
    "reduce_scatter_single": ("output", "input"),
    "reduce_scatter": ("output", "input_list"),
    "reduce_scatter_tensor": ("output", "input"),
    "all_to_all": ("output_tensor_list", "input_tensor_list"),
    "all_to_all_single": ("output", "input", "output_split_sizes", "input_split_sizes"),
}
_entered: dict[str, int] = {}  # collectives entered so far, by group: the n-th of one rank meets the n-th of the others


def wrap_collective(op: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A wrapper maker for one of the collectives."""
    names = _PARAMETERS[op]
    told = _TOLD_AS.get(op, op)

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if idle():
                return original(*args, **kwargs)
            frame = sys._getframe(1)
            given = _given(names, args, kwargs)
            _record(told, given, frame)
            with Door(frame):
                outer, state.covered = state.covered, True
                try:
                    return original(*args, **kwargs)
                except BaseException as error:
                    state.covered = outer
                    _record(told, given, frame, failed(error))
                    raise
                finally:
                    state.covered = outer

        return function

    return wrap


def wrap_replicated(original: Callable[..., Any]) -> Callable[..., Any]:
    """The constructor of ``DistributedDataParallel``: it compares the parameters of all ranks, in C++, and may never return."""

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if idle():
            original(self, *args, **kwargs)
            return
        frame = sys._getframe(1)
        given = _members(kwargs.get("process_group"))
        _record("DistributedDataParallel", given, frame)
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            _record("DistributedDataParallel", given, frame, failed(error))
            raise

    return __init__


def _members(group: Any) -> dict[str, Any]:
    """Who this is among how many, and the name of a group that is not that of all; empty where there is no group."""
    try:
        name = str(getattr(group, "group_name", "")) if group is not None else ""
        members: dict[str, Any] = {"rank": dist.get_rank(group), "world_size": dist.get_world_size(group)}
    except Exception:  # no process group: the call itself will say so
        return {}
    return {**members, "group": name} if name else members


def _given(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that matter by name, and who this is among how many."""
    given = {**dict(zip(names, args, strict=False)), **{name: kwargs[name] for name in names if name in kwargs}}
    members = _members(kwargs.get("group"))
    if members:
        name = members.get("group", "")
        _entered[name] = _entered.get(name, -1) + 1
        given.update(members, number=_entered[name])
    return given


def _record(op: str, given: dict[str, Any], frame: FrameType, error: str = "") -> None:
    try:
        Event((), given).done("collective", op, None, None, frame, error=error)
        if error or any(_is_new(recorder) for recorder in recorders()):
            children.flush()
    except Exception as trouble:
        own_trouble(trouble)


def _is_new(recorder: Any) -> bool:
    return recorder.latest is not None and recorder.segments[recorder.latest].count == 1
