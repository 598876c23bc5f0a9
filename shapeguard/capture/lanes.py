"""Lanes: calls that come back at each step of a loop with the sizes that were foreseen, one more of this, the rest as before.

Decoding calls the attention and the cache of each layer at each step. Once a layer's calls have formed a run, all that has
to be asked of the next one is whether it goes on: by the check that torch itself makes before it runs a compiled function,
and by the sizes that grow. Then nothing is made of it but a count. Whatever is different takes the long way and is described.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import sub
from typing import Any
from weakref import ref

import torch
from torch._C import _len_torch_function_stack

from shapeguard.capture import state as states
from shapeguard.capture.layout import PLAIN_TENSORS, tensor_places
from shapeguard.capture.record import Event
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.segment import Segment
from shapeguard.capture.spots import SURE
from shapeguard.capture.state import Standing, state
from shapeguard.capture.trouble import let_through

_MAX_USELESS = 16  # lanes made for one caller that no call went along
_MAX_LANES = 4096

Tensors = tuple[torch.Tensor, ...]


class Lane:
    """The run that the calls of one object, from one place of the user's, are in."""

    __slots__ = ("_by", "_check", "_grown", "_inside", "_next", "_owner", "_recorder", "_segment", "used")

    def __init__(
        self,
        owner: Any,
        inside: int | None,
        recorder: Recorder,
        segment: Segment,
        tensors: Tensors,
        places: list[int],
        ahead: bool,
    ) -> None:
        self.used = False
        self._owner = ref(owner)
        self._inside = inside
        self._recorder = recorder
        self._segment = segment
        step = segment.step or ()
        self._by = max(step, default=0)
        grown = [
            (index, dim)
            for index, (tensor, at) in enumerate(zip(tensors, places, strict=True))
            for dim in range(tensor.dim())
            if step and step[at + dim]
        ]
        first = tensors[grown[0][0]].size(grown[0][1]) if grown else 0
        self._next = first if ahead else first + self._by
        self._grown = tuple((index, dim, tensors[index].size(dim) - first) for index, dim in grown)
        self._check = _check(tensors, frozenset(grown))

    def goes_on(self, now: Standing, owner: Any, tensors: Tensors) -> bool:
        """Whether a call with these tensors is the foreseen one."""
        own = now.recorders
        watching = states.process_recorders if own is None else own
        if (
            now.inside != self._inside
            or now.covered
            or len(watching) != 1
            or watching[0] is not self._recorder
            or self._recorder.closed
            or self._owner() is not owner
            or _len_torch_function_stack()
        ):
            return False
        try:
            if not self._check(*tensors):
                return False
        except Exception:  # more or fewer tensors, or none
            return False
        expected = self._next
        for index, dim, offset in self._grown:  # noqa: SIM110  # a generator costs as much as all the rest
            if tensors[index].size(dim) != expected + offset:
                return False
        return True

    def count(self, made: Any = ()) -> None:
        """Take the call as one more of the run; ``made`` are tensors that others may be given, if it is a tuple of them."""
        self.used = True
        self._next += self._by
        recorder, segment = self._recorder, self._segment
        at = recorder.events
        recorder.events = at + 1
        segment.count += 1
        segment.lag += 1
        segment.last_at = at
        segment.dirty = True
        row = recorder.latest = segment.row
        if type(made) is tuple:
            for tensor in made:
                if type(tensor) is torch.Tensor:
                    recorder.origins[id(tensor)] = (ref(tensor), row)
        if not at % 64:
            recorder.tick()


def lane_of(now: Standing, caller: Any) -> Lane | None:
    """The lane of this caller in this thread."""
    spots = now.spots
    return None if spots is None else spots.lanes.get(caller)


def learn(caller: Any, owner: Any, event: Event, tensors: Sequence[Any], ahead: bool, joins: bool = False) -> None:
    """Foresee the call after this one, if its run is long enough to tell.

    ``tensors`` are those of the call, in the order of its description; where ``ahead``, they are the next call's already.
    ``joins`` are lanes of places that concatenate, apart from those of objects.
    """
    try:
        now = state.now
        spots, row = now.spots, event.rows[0]
        if row is None or spots is None or event.recorders is not spots.watching:
            return
        lanes = spots.joins if joins else spots.lanes
        segment = spots.recorder.segments[row]
        if segment.count < SURE and not joins:
            return
        if not _runs(segment, spots.seen, caller):
            return
        lane = lanes.get(caller)
        if lane is not None and not lane.used:
            useless = spots.useless[caller] = spots.useless.get(caller, 0) + 1
            if useless >= _MAX_USELESS:
                return
        if len(lanes) >= _MAX_LANES:
            lanes.clear()
        given = tuple(tensor for tensor in tensors if type(tensor) in PLAIN_TENSORS)
        places = tensor_places(segment.key[5][0])
        if len(places) == len(given):
            lanes[caller] = Lane(owner, now.inside, spots.recorder, segment, given, places, ahead)
    except Exception as trouble:
        let_through(trouble)


def _runs(segment: Segment, seen: dict[Any, tuple[int, ...]], caller: Any) -> bool:
    """Whether a segment is in a run. One that takes all is in a run of its own where its last two events are."""
    if not segment.varied:
        return segment.step is not None
    before, seen[caller] = seen.get(caller, ()), segment.last
    if len(before) != len(segment.last):
        return False
    step = tuple(map(sub, segment.last, before))
    moved = {size for size in step if size}
    segment.step = step if moved else ()
    return not moved or (len(moved) == 1 and min(moved) > 0)


def _check(tensors: Tensors, grown: frozenset[tuple[int, int]]) -> Callable[..., bool]:
    """Whether tensors have the types, dtypes, devices and sizes of these, the sizes that grow left out."""
    from torch._C._dynamo import guards

    sizes: Any = [
        [None if (index, dim) in grown else size for dim, size in enumerate(tensor.shape)]
        for index, tensor in enumerate(tensors)
    ]
    strides: Any = [[None] * tensor.dim() for tensor in tensors]  # any
    guard: Any = guards.TensorGuards(*tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=strides)
    check: Callable[..., bool] = guard.check
    return check
