"""What a long run leaves behind: bytes of the recording, memory, and the cost of an event early and late."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass
from typing import Any

from works import decode, generate

import shapeguard
from shapeguard.capture.capture import Capture
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.segment import Segment
from shapeguard.values.store import dump_recording

_STEPS_SEEN = 24


@dataclass
class Recorded:
    """A stream of events and what the recorder made of it."""

    events: int
    bytes: int
    memory: int  # bytes that the recorder holds more after the stream than before it
    early: float  # microseconds an event, in the first tenth
    late: float  # in the last tenth


def recording_bytes(model: Any, tokens: int) -> int:
    """Of a real decoding run by the user's own loop."""
    with shapeguard.guard() as guard:
        decode(model, tokens)
    return len(dump_recording(guard.recording))


def stream(model: Any, level: Any, steps: int) -> Recorded:
    """The events of a decoding step over and over, their sizes growing as they grow in the real run that they are taken from."""
    capture = Capture(level)
    capture.open()
    recorder = capture._recorder
    assert recorder is not None
    generate(model, _STEPS_SEEN)
    steady = [segment for segment in recorder.segments if segment.count >= _STEPS_SEEN - 4]
    before_stream = recorder.events
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _repeat(recorder, steady, min(steps, 2_000))  # slow while memory is traced
    memory = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    early = _repeat(recorder, steady, steps // 10)
    _repeat(recorder, steady, steps - 2 * (steps // 10))
    late = _repeat(recorder, steady, steps // 10)
    recording = capture.close("completed")
    return Recorded(recorder.events - before_stream, len(dump_recording(recording)), memory, early, late)


def _repeat(recorder: Recorder, steady: list[Segment], steps: int) -> float:
    """Microseconds of CPU time an event."""
    events = recorder.events
    start = time.process_time()
    for _ in range(steps):
        for segment in steady:
            recorder.add(segment.key, segment.expect, segment.origins, ())
    return (time.process_time() - start) / max(recorder.events - events, 1) * 1e6
