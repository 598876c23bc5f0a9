"""Events folded into rows as they come: a run of any length leaves a recording of bounded size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from shapeguard.capture.segment import Numbers, Segment, Sizes, flat

if TYPE_CHECKING:
    from shapeguard.capture.form import Form  # brings torch, which is the user's to import

MAX_SEGMENTS = 24  # rows kept apart for one place before the rest is folded into one row of varied shapes
MAX_ROWS = 50_000  # rows of a recording; new places beyond it are left out, failures are not
_MAX_FAILED = 1_000  # failed rows beyond that
_SWEEP = 1_000  # tensors remembered before the dead ones are forgotten; few, so that they stay in the processor's cache

GROUP_OF_KIND = {
    "op": "ops",
    "concat": "cat",
    "attention": "attention",
    "cache": "cache",
    "generate": "generate",
    "tokenizer": "tokenizer",
    "module": "module",
    "forward": "module",
    "construct": "module",
    "checkpoint": "module",
    "vocabulary": "tokenizer",
    "collective": "collective",
    "loader": "loader",
}


class Recorder:
    """Takes events from the wrappers and keeps rows and the origins of living tensors."""

    def __init__(self, level: str, groups: frozenset[str]) -> None:
        self.level = level
        self.unwanted = frozenset(kind for kind, group in GROUP_OF_KIND.items() if group not in groups)
        self.events = 0
        self.started = time.monotonic()
        self.segments: list[Segment] = []
        self.notes: list[str] = []
        self.failures: list[BaseException] = []
        self.latest: int | None = None  # row of the event recorded last
        self.on_tick: Callable[[], None] | None = None  # asked now and then: time to write?
        self.unsettled: list[Callable[[], None]] = []  # put down what was counted elsewhere meanwhile, see steady.py
        self.closed = False
        self._places: dict[tuple[Any, ...], list[Segment]] = {}
        self._failures: dict[tuple[Any, ...], list[Segment]] = {}
        self.origins: dict[int, tuple[Any, int]] = {}  # by a tensor's id: a weak reference, and the row that made it
        self._sweep_at = _SWEEP
        self._lock = threading.RLock()  # a finalizer or signal handler may run torch in the middle of our own work

    # -- events ----------------------------------------------------------------------------------------------------

    def add(
        self,
        key: tuple[Any, ...],
        numbers: Numbers,
        origins: Sequence[int | None],
        outputs: Sequence[Any],
        error: str = "",
        owner: Any = None,
    ) -> int | None:
        """Record one event; ``key`` is (kind, op, function, chain, module, layouts, thread).

        Returns:
            Its row's id; None when the recorder is closed or full.
        """
        if self.closed:
            return None
        at = self.events
        self.events = at + 1
        segment = self._failed(key, numbers, at, error) if error else self._continued(key, numbers, at)
        if segment is None:
            return None
        if segment.first_origins is None:
            segment.first_origins = origins
        segment.last_at = at
        segment.origins = origins
        if owner is not None:
            segment.owner = self.origin(owner)
        segment.dirty = True
        row = self.latest = segment.row
        for tensor in outputs:
            self.origins[id(tensor)] = (ref(tensor), row)
        if not at % 64 or segment.count == 1:
            self.tick()
        return row

    def settle(self) -> None:
        """Bring all rows up to date: to be asked before they are read."""
        for put_down in self.unsettled:
            put_down()

    def tick(self) -> None:
        """Asked now and then, and at each new row."""
        if len(self.origins) > self._sweep_at:
            self._sweep()
        if self.on_tick is not None:
            self.on_tick()

    def again(
        self,
        form: Form,
        given: Sizes,
        origins: Sequence[int | None],
        made: Sizes,
        outputs: Sequence[Any],
    ) -> int | None:
        """``add`` for one more event of a form, with the sizes as its readers gave them.

        Where nothing changes, which is most events of most programs, the sizes are not even made into numbers.
        """
        if self.closed:
            return None
        at = self.events
        self.events = at + 1
        rows = form.rows
        segment = None
        if len(rows) == form.length and not rows[-1].grows:
            segment = form.segment if given is form.given and made is form.made else form.another(given, made)
        if segment is not None:
            segment.count += 1
        else:
            segment = self._another(form.key, rows, given, made, at)
            if segment is None:
                return None
            if segment.first_origins is None:
                segment.first_origins = origins
            if segment.given is not None:
                form.follow(segment)
        segment.last_at = at
        segment.origins = origins
        segment.dirty = True
        row = self.latest = segment.row
        known = self.origins
        for tensor in outputs:
            known[id(tensor)] = (ref(tensor), row)
        if not at % 64 or segment.count == 1:
            self.tick()
        return row

    def _another(
        self, key: tuple[Any, ...], rows: Sequence[Segment], given: Sizes, made: Sizes, at: int
    ) -> Segment | None:
        """``_continued`` for sizes as they were read."""
        numbers: Numbers | None = None
        for segment in rows[:-9:-1]:
            if segment.given is not None:
                if segment.given == given and segment.made == made:
                    segment.count += 1
                    return segment
                continue
            if segment.lag:
                segment.catch_up()
            if numbers is None:
                numbers = flat(given) + flat(made)
            if segment.expect == numbers or segment.varied:
                segment.advance(numbers)
                segment.settle(given, made)
                return segment
        return self._started(rows, key, numbers or flat(given) + flat(made), at)

    def _continued(self, key: tuple[Any, ...], numbers: Numbers, at: int) -> Segment | None:
        """The run these numbers continue: first one that foresaw them, then one whose step they may begin."""
        places = self._places.get(key)
        if places is None:
            return self._open(self._places, key, numbers, at)
        for segment in places[:-9:-1]:
            if segment.lag:
                segment.catch_up()
            if segment.expect == numbers or segment.varied:
                segment.advance(numbers)
                return segment
        return self._started(places, key, numbers, at)

    def _started(self, places: Sequence[Segment], key: tuple[Any, ...], numbers: Numbers, at: int) -> Segment | None:
        """The newest run where these numbers begin its step, or a new one."""
        newest = places[-1]
        # Layers of other widths are other layers: a row for each, so that a call finds the one it was made with.
        if key[0] != "construct" and newest.starts(numbers):
            newest.advance(numbers)
            return newest
        if len(places) >= MAX_SEGMENTS:
            newest.varied = newest.grows = True
            newest.given = None
            newest.advance(numbers)
            return newest
        return self._open(self._places, key, numbers, at)

    def rows_of(self, key: tuple[Any, ...]) -> list[Segment]:
        """The rows of a key that was seen before."""
        return self._places[key]

    def _failed(self, key: tuple[Any, ...], numbers: Numbers, at: int, error: str) -> Segment | None:
        """A failed call is a row of its own, until a program that tries in a loop has failed often at this place."""
        places = self._failures.get(key, [])
        if len(places) < MAX_SEGMENTS:
            return self._open(self._failures, key, numbers, at, error)
        newest = places[-1]  # what failed last may be what ends the program
        newest.varied = True
        newest.error = error
        newest.first_at = at
        newest.last = numbers
        newest.count += 1
        return newest

    def _open(
        self,
        known: dict[tuple[Any, ...], list[Segment]],
        key: tuple[Any, ...],
        numbers: Numbers,
        at: int,
        error: str = "",
    ) -> Segment | None:
        limit = MAX_ROWS + _MAX_FAILED if error else MAX_ROWS
        if len(self.segments) >= limit:
            self.note(f"the recording is full: after {MAX_ROWS} rows, calls at new places are left out")
            return None
        segment = Segment(-1, key, numbers, at, error)
        with self._lock:
            segment.row = len(self.segments)
            self.segments.append(segment)
        known.setdefault(key, []).append(segment)
        return segment

    # -- origins ---------------------------------------------------------------------------------------------------

    def origin(self, tensor: Any) -> int | None:
        """Row that made this tensor; None when it was born outside of what is watched."""
        known = self.origins.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def remember(self, tensor: Any, row: int) -> None:
        """Set down a tensor as made by a row, beyond the row's own outputs."""
        self.origins[id(tensor)] = (ref(tensor), row)

    def forget(self, tensor: Any) -> None:
        """Drop the weak reference to a tensor."""
        self.origins.pop(id(tensor), None)

    def _sweep(self) -> None:
        """Forget tensors that are gone. They are only weakly known, so this frees bookkeeping, not tensors."""
        self.origins = {key: value for key, value in list(self.origins.items()) if value[0]() is not None}
        self._sweep_at = max(_SWEEP, 2 * len(self.origins))

    def note(self, text: str) -> None:
        """Keep a line about trouble of our own."""
        if text not in self.notes and len(self.notes) < 50:
            self.notes.append(text)
