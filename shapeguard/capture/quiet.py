"""While library code runs behind a door, its own modules pass our gate without being asked anything more.

A model of four layers calls some sixty modules at each decoding step; even to ask where the thread stands would cost more
than all that is recorded of the step. So what is asked first is one set, the same for all threads: it is filled only while
a single thread is alive, because another might be in the user's code.
"""

from __future__ import annotations

import threading
from collections.abc import Set as AbstractSet

_NONE: frozenset[type] = frozenset()

passing: set[type] = set()  # classes of modules that are the library's and of no interest behind a door
types: AbstractSet[type] = _NONE  # ``passing`` while the one thread there is runs library code, else empty
steady = False  # the one thread there is runs a step that repeats, see steady.py: nothing is asked at all
_alone = False  # no thread but this one since the guard was opened: to count them at each door would cost too much


def count_threads() -> None:
    """Ask how many threads there are. To be called when a guard opens, and when a thread starts under it."""
    global _alone, types, steady
    _alone = _none_other()
    types = _NONE
    steady = False


def _none_other() -> bool:
    """Whether this thread is the only one that may run torch: that of a progress bar only looks at the clock."""
    return threading.active_count() == 1 or not any(
        thread is not threading.current_thread() and not is_clock(thread) for thread in threading.enumerate()
    )


def is_clock(thread: threading.Thread) -> bool:
    """Whether a thread is tqdm's, which wakes to see whether a bar has stood still."""
    return type(thread).__module__ == "tqdm._monitor"


def not_alone() -> None:
    """Another thread is about to run."""
    global _alone, types, steady
    _alone = False
    types = _NONE
    steady = False


def pass_by(value: bool) -> None:
    """A step that repeats begins, or ends."""
    global steady
    steady = value and _alone


def alone() -> bool:
    """Whether no other thread runs; counted anew where one did."""
    if not _alone and _none_other():
        count_threads()
    return _alone


def begin() -> None:
    """Library code runs from here on."""
    global types
    if _alone:
        types = passing


def end() -> None:
    """The user's code runs again."""
    global types
    types = _NONE
