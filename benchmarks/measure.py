"""Ratios of CPU time, each watched run held against the bare runs before and after it."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from works import Work

Watch = Callable[[], AbstractContextManager[object]]


@dataclass
class Measured:
    """One way of watching: the median of its ratios to the bare runs beside it, and the ratio of the least times."""

    ratio: float
    least: float
    milliseconds: float  # median of the bare runs


def cpu_seconds(work: Work, watch: Watch = nullcontext) -> float:
    """CPU seconds of one run; entering and leaving the watch is left out, so is the garbage collector."""
    with watch():
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            work()
            return time.process_time() - start
        finally:
            gc.enable()


def ratios(work: Work, watches: dict[str, Watch], repeats: int) -> dict[str, Measured]:
    """Each watch's ratio, measured in turns in one process."""
    cpu_seconds(work)
    for watch in watches.values():
        cpu_seconds(work, watch)
    bare: list[float] = []
    watched: dict[str, list[float]] = {name: [] for name in watches}
    found: dict[str, list[float]] = {name: [] for name in watches}
    for _ in range(repeats):
        for name, watch in watches.items():
            before = cpu_seconds(work)
            seconds = cpu_seconds(work, watch)
            after = cpu_seconds(work)
            bare += [before, after]
            watched[name].append(seconds)
            found[name].append(2 * seconds / (before + after))
    middle = statistics.median(bare) * 1000
    return {name: Measured(statistics.median(found[name]), min(watched[name]) / min(bare), middle) for name in watches}
