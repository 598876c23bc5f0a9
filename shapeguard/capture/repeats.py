"""What a call of a model does, compared with what the call before it did: the rows it meets, how often, and by which step.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from operator import sub
from typing import Any

import torch

from shapeguard.capture.layout import describe_call
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.segment import Numbers, Segment


class Before:
    """What stood before a call that is looked at."""

    __slots__ = ("at", "counts", "given", "held", "layout")

    def __init__(
        self, recorder: Recorder, module: Any, args: Sequence[Any], kwargs: Mapping[str, Any], users: bool
    ) -> None:
        numbers: list[int] = []
        self.layout = describe_call(args, kwargs, numbers, [])
        self.given: Numbers = tuple(numbers)
        self.counts = [segment.count for segment in recorder.segments]
        self.at = recorder.events
        self.held = held_by(module) if users else ()

    def hits(self, recorder: Recorder) -> dict[Any, list[Hit]]:
        """The rows that the call met, by their keys."""
        found: dict[Any, list[Hit]] = {}
        for segment, count in zip(recorder.segments, chain(self.counts, repeat(0)), strict=False):
            if segment.count != count and not segment.error:
                hit = Hit(segment, segment.count - count, segment.last_at - self.at)
                found.setdefault(segment.key, []).append(hit)
        return found


class Hit:
    """One row in a call: how often it was met, when last, its numbers then, and how they move from call to call."""

    __slots__ = ("by", "count", "last", "offset", "segment")

    def __init__(self, segment: Segment, count: int, offset: int) -> None:
        if segment.lag:
            segment.catch_up()
        self.segment = segment
        self.count = count
        self.offset = offset
        self.last = segment.last
        self.by: Numbers | None = None  # None: not known yet; (): they stand still

    def follows(self, before: Hit) -> bool:
        """Whether this is what the call before did, one step on."""
        if self.count != before.count or len(self.last) != len(before.last):
            return False
        self.by = moved_by(before.last, self.last)
        return before.by is None or before.by == self.by

    def settle(self, calls: int, at: int) -> None:
        """So many more calls of the kind, the last of them begun after ``at`` events."""
        segment, by = self.segment, self.by
        segment.count += self.count * calls
        segment.last_at = at + self.offset
        segment.dirty = True
        if not by:
            return
        if segment.step == by and self.count == 1 and not segment.varied:
            segment.lag += calls
            segment.catch_up()
        else:  # met several times at each step, or by calls of other sizes too: it takes all from here on
            segment.varied = segment.grows = True
            segment.given = None
            segment.last = tuple(size + calls * more for size, more in zip(segment.last, by, strict=True))
        self.last = segment.last


def follow(hits: dict[Any, list[Hit]], before: dict[Any, list[Hit]]) -> bool:
    """Whether a call met the rows of the call before as often, each one step on; a row that grows may be a new one each time."""
    return hits.keys() == before.keys() and all(
        len(met) == len(earlier) and all(map(Hit.follows, met, earlier))
        for met, earlier in zip(hits.values(), map(before.__getitem__, hits), strict=True)
    )


def moved_by(before: Numbers, after: Numbers) -> Numbers:
    """How numbers moved; () where they stood still, or were others."""
    moved = tuple(map(sub, after, before)) if len(before) == len(after) else ()
    return moved if any(moved) else ()


def held_by(module: Any) -> Sequence[int]:
    """The tensors that a module and those below it keep as attributes, parameters left out; and how long its lists are."""
    found: list[int] = []
    for part in module.modules():
        for value in (*part.__dict__.values(), *part._buffers.values()):
            if isinstance(value, torch.Tensor):
                found.append(id(value))
            elif type(value) in (list, tuple):
                found.append(len(value))
                found += [id(item) for item in value[-4:] if isinstance(item, torch.Tensor)]
            elif (
                type(value) is dict
                and value is not part._parameters
                and value is not part._buffers
                and value is not part._modules
            ):
                found.append(len(value))
                found += [id(item) for item in list(value.values())[-4:] if isinstance(item, torch.Tensor)]
    return found
