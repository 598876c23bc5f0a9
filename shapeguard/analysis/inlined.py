"""Comprehensions as part of the function they stand in, as Python runs them from 3.12 on; before, each had a frame of its own."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shapeguard.values.recording import Chain, Failure, FrameInfo, Recording, Site

_COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>")  # a generator's frame stays one of its own


def inlined(recording: Recording) -> Recording:
    """The recording with comprehensions, and generators that are used up where they stand, run by their functions."""
    if not any(site.function.endswith(_COMPREHENSIONS) for site in recording.sites) and not any(
        frame.function.endswith(_COMPREHENSIONS) for failure in recording.failures for frame in failure.frames
    ):
        return recording
    whole: dict[int, Site] = {}
    chains = [Chain(chain.id, _outside(recording.sites, chain.sites, whole)) for chain in recording.chains]
    sites = [whole.get(site.id, site) for site in recording.sites]
    failures = [msgspec.structs.replace(failure, frames=_one_each(failure)) for failure in recording.failures]
    return msgspec.structs.replace(recording, sites=sites, chains=chains, failures=failures)


def _outside(sites: Sequence[Site], chain: Sequence[int], whole: dict[int, Site]) -> tuple[int, ...]:
    """A chain without the sites at which a function ran its own comprehension; ``whole`` are those in it, renamed."""
    kept: list[Site] = []
    for number in chain:
        outer = sites[number]
        if kept and _runs(outer, kept[-1]):
            kept[-1] = whole[kept[-1].id] = msgspec.structs.replace(kept[-1], function=outer.function)
        else:
            kept.append(outer)
    return tuple(site.id for site in kept)


def _one_each(failure: Failure) -> tuple[FrameInfo, ...]:
    """The frames, those of a function and of its comprehension as one: the inner one's expression, the names of both."""
    kept: list[FrameInfo] = []
    for frame in failure.frames:
        outer = kept[-1] if kept else None
        if outer is None or not _runs(outer, frame):
            kept.append(frame)
            continue
        own = {value.expression for value in frame.locals}
        kept[-1] = msgspec.structs.replace(
            frame,
            function=outer.function,
            module=frame.module or outer.module,
            owner=frame.owner if frame.owner is not None else outer.owner,
            locals=(*frame.locals, *(value for value in outer.locals if value.expression not in own)),
        )
    return tuple(kept)


def _runs(outer: Site | FrameInfo, inner: Site | FrameInfo) -> bool:
    """Whether the outer place is where a function, or its comprehension, runs a comprehension of its own, the inner one."""
    if not inner.function.endswith(_COMPREHENSIONS) or outer.file != inner.file:
        return False
    if not outer.line <= inner.line <= max(outer.line, outer.end_line):
        return False
    return _whole(inner.function) in ("", _whole(outer.function))


def _whole(function: str) -> str:
    """The name of the function without those of its comprehensions; "" of a module's, and before Python 3.11."""
    while function.endswith(_COMPREHENSIONS):
        function = function.rpartition("<")[0].removesuffix(".").removesuffix(".<locals>")
    return function
