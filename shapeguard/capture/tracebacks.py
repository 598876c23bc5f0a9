"""The frames of an exception that tell something: not ours, and no detour through a torch function mode."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType

from shapeguard.capture.usercode import OWN_PACKAGE, user_code

_MAX_FRAMES = 60
Entry = tuple[FrameType, int, int]  # a frame, the offset of its instruction, its line


def frames_of(error: BaseException) -> list[Entry]:
    """The frames of an exception; of one that a library raised from another in its place, down to where that one began."""
    frames = list(_frames(error.__traceback__))
    cause = error.__cause__
    # torch's own errors of shapes; of another kind, as tokenizers raise, the one that was put in its place says more.
    if not isinstance(cause, IndexError | RuntimeError):
        return frames
    inner = list(_frames(cause.__traceback__))
    caught = next((at for at, (frame, *_) in enumerate(frames) if inner and frame is inner[0][0]), None)
    return [*frames[:caught], *inner] if caught is not None else frames


def _frames(trace: TracebackType | None) -> Iterator[Entry]:
    """Frame, instruction offset and line of every frame that is not ours, outermost first."""
    found = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(OWN_PACKAGE) or user_code.is_user(trace.tb_frame):
            found.append((trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
        trace = trace.tb_next
    found = list(_without_detours(found))
    half = _MAX_FRAMES // 2
    yield from found if len(found) <= _MAX_FRAMES else found[:half] + found[-half:]


def _without_detours(found: list[Entry]) -> Iterator[Entry]:
    """The frames without the way through a torch function mode: ``f``, ``handle_torch_function`` and ``f`` again."""
    codes = [frame.f_code for frame, *_ in found]
    detours = {
        at
        for at, code in enumerate(codes)
        if code.co_name == "handle_torch_function" and 0 < at < len(codes) - 1 and codes[at - 1] is codes[at + 1]
    }
    yield from (entry for at, entry in enumerate(found) if not {at, at + 1} & detours)
