"""Spots: how the places of a program have called so far, so that a call like an earlier one is known at sight.

They belong to one thread and to the recorders that watch it. Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from shapeguard.capture.form import Form
from shapeguard.capture.layout import Layout
from shapeguard.capture.reader import call_reader, result_reader
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.segment import Numbers, Segment, Sizes, flat
from shapeguard.capture.state import state
from shapeguard.capture.trouble import let_through

MAX_FORMS = 4  # kinds of calls known of one place
SURE = 4  # calls of a place before a reader is made for it: a step that repeats is passed by then, and needs none
_MAX_LEARNED = 16  # readers made for one place; then it is described in full for good
_MAX_SPOTS = 8192


class Spot:
    """One place that calls, with the kinds of calls it made. ``code`` is kept, because places go by its id."""

    __slots__ = ("code", "forms", "learned", "seen")

    def __init__(self, code: Any) -> None:
        self.code = code
        self.forms: tuple[Form, ...] = ()
        self.learned = 0
        self.seen = 0

    def form(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], layout: Layout, numbers: Numbers, recorder: Recorder
    ) -> Form | None:
        """A form of this call, which was described as ``layout`` and ``numbers``; None the first times, and for rare kinds."""
        if self.seen < SURE or self.learned >= _MAX_LEARNED or len(self.forms) >= MAX_FORMS:
            self.seen += 1
            return None
        self.learned += 1
        read = call_reader(args, kwargs)
        if read is None:
            self.learned = _MAX_LEARNED
            return None
        form = Form(read, layout)
        known = take(form, args, kwargs, recorder)
        return form if known is not None and flat(known[0]) == numbers else None

    def learn(self, form: Form, key: tuple[Any, ...], rows: Sequence[Segment], result: Any, numbers: Numbers) -> None:
        """Keep a form when its call has returned; ``numbers`` are those of the result."""
        form.read_result = read = result_reader(result)
        if read is not None and (known := read(result, form)) is not None and flat(known[0]) == numbers:
            form.key, form.rows = key, rows
            self.forms = (*self.forms, form)


class Spots:
    """The spots of one thread while the same recorder watches it."""

    __slots__ = ("joins", "known", "lanes", "recorder", "seen", "steps", "useless", "watching")

    def __init__(self, watching: tuple[Recorder, ...]) -> None:
        self.watching = watching
        self.recorder = watching[0]
        self.known: dict[Hashable, Spot] = {}
        self.lanes: dict[Any, Any] = {}  # by caller, see lanes.py
        self.joins: dict[Any, Any] = {}  # lanes of concatenations, by the place that calls
        self.steps: dict[Any, Any] = {}  # by module and call chain, see steady.py
        self.useless: dict[Any, int] = {}  # how many were made for one caller in vain
        self.seen: dict[Any, tuple[int, ...]] = {}  # a caller's numbers in a row that takes all

    def at(self, place: Hashable, code: Any) -> Spot:
        """The spot of a place, made when it is new."""
        spot = self.known.get(place)
        if spot is None:
            if len(self.known) >= _MAX_SPOTS:  # functions made anew for each call
                self.known.clear()
            spot = self.known[place] = Spot(code)
        return spot


def spots_of(watching: tuple[Recorder, ...]) -> Spots | None:
    """This thread's spots; None where several recorders watch, which is rare and may be slow."""
    spots: Spots | None = state.spots
    if spots is None or spots.watching is not watching:
        if len(watching) != 1:
            return None
        spots = state.spots = Spots(watching)
    return spots


def take(
    form: Form, args: Sequence[Any], kwargs: Mapping[str, Any], recorder: Recorder
) -> tuple[Sizes, tuple[int | None, ...]] | None:
    """Sizes and origins of a call, if it is of this form."""
    try:
        known: tuple[Sizes, tuple[int | None, ...]] | None = form.read(args, kwargs, recorder.origins, form)
        return known
    except (
        Exception
    ) as trouble:  # a nested tensor has no shape, a keyword is missing: describing in full finds words for that
        let_through(trouble)
        return None
