"""Steps that repeat: the outermost call of a model that has done exactly the same several times is not looked into again.

A decoding loop and a training loop call their model with what the last call foresaw: the same tensors, one position more, or
nothing changed at all. Once a few calls in a row have continued the same rows, each as often as the call before and by the
step of its run, the next such call is only counted, and asked again every so often whether it still holds. What comes in and
what comes out is compared each time. Whatever is different is watched as before.

Only a library's model may grow from step to step, as in decoding; of the user's own nothing may change. A model that keeps
tensors of its own from call to call (a hidden state), or has hooks, is always watched: those tensors must have their origins.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from operator import add
from typing import Any
from weakref import ref

import torch

from shapeguard.capture import quiet
from shapeguard.capture import state as states
from shapeguard.capture.form import Form
from shapeguard.capture.layout import Layout, describe_result, layers_of
from shapeguard.capture.modes import ModeOff
from shapeguard.capture.patching import Lifted
from shapeguard.capture.reader import call_reader, result_reader
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.repeats import Before, Hit, follow, held_by, moved_by
from shapeguard.capture.segment import Numbers, flat
from shapeguard.capture.state import Standing
from shapeguard.capture.trouble import own_trouble

_ALIKE = 2  # calls that must have repeated the one before
_AGAIN = 64  # calls passed before one is watched again
_PATIENCE = 24  # calls watched in vain before a model is let be
_MAX_STEPS = 64  # modules
_KEPT = ("keys", "values")
_OFTEN = ((torch, "cat"), (torch.nn.functional, "scaled_dot_product_attention"))  # called by each layer

_NOBODYS: dict[int, Any] = {}  # origins of what comes in are not asked for

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Step:
    """The outermost calls of one module from one place of the user's."""

    __slots__ = (
        "_alike", "_at", "_by", "_cached", "_caches", "_events", "_form", "_given_layout", "_hits", "_lanes", "_made", "_made_by",
        "_made_layout",
        "_made_rows", "_module", "_passed", "_patience", "_pending", "_plain", "_recorder", "_types", "_users", "given", "going",
    )  # fmt: skip

    def __init__(self, recorder: Recorder, lanes: dict[Any, Any], module: Any, users: bool) -> None:
        self.going = False
        self._recorder = recorder
        self._lanes = lanes
        self._module = ref(module)
        self._users = users  # the module's code is the user's own
        parts = list(module.modules())
        self._patience = _PATIENCE if not any(map(_has_hooks, parts)) else 0
        self._types = frozenset(map(type, parts))
        self._plain = all(map(_is_plain, parts))
        self._alike = 0
        self._passed = 0  # since the last one that was watched
        self._pending = 0  # of those, not yet put down in their rows
        self._at = 0  # events before the last one
        self._events = 0  # of one call
        self._hits: dict[Any, list[Hit]] = {}  # by the key of their rows
        self._given_layout: Layout = ()
        self._made_layout: Layout = ()
        self.given: Numbers = ()
        self._made: Numbers = ()
        self._by: Numbers = ()
        self._made_by: Numbers = ()
        self._made_rows: list[int | None] = []
        self._cached: list[tuple[int | None, ...]] = []  # the rows that make each layer's keys and values
        self._caches: list[ref[Any]] = []  # given to a passed call
        self._form: Form | None = None

    # -- watched ---------------------------------------------------------------------------------------------------

    def before(self, args: Args, kwargs: Kwargs) -> Before | None:
        """Look at a call that is about to be watched; None where nothing is to be learnt."""
        self.settle()
        module = self._module()
        if self._patience <= 0 or module is None:
            return None
        try:
            return Before(self._recorder, module, args, kwargs, self._users)
        except BaseException as trouble:
            own_trouble(trouble)
            return None

    def after(self, before: Before, args: Args, kwargs: Kwargs, result: Any) -> None:
        """Compare a watched call with the one before it."""
        try:
            self._learn(before, args, kwargs, result)
        except BaseException as trouble:
            self.going = False
            own_trouble(trouble)

    def _learn(self, before: Before, args: Args, kwargs: Kwargs, result: Any) -> None:
        recorder = self._recorder
        numbers: list[int] = []
        tensors: list[torch.Tensor] = []
        layout = describe_result(result, numbers, tensors)
        made = tuple(numbers)
        hits = before.hits(recorder)
        by, made_by = moved_by(self.given, before.given), moved_by(self._made, made)
        same = (
            (before.layout, layout) == (self._given_layout, self._made_layout)
            and (not self._alike or (by, made_by) == (self._by, self._made_by))
            and follow(hits, self._hits)
        )
        self._alike = self._alike + 1 if same else 0
        self._patience = _PATIENCE if self.going and same else self._patience - 1
        self._given_layout, self._made_layout = before.layout, layout
        self.given, self._made, self._by, self._made_by = before.given, made, by, made_by
        self._hits = hits
        self._events = recorder.events - before.at
        self._passed = 0
        self._made_rows = [recorder.origin(tensor) for tensor in tensors]
        layers = (layer for cache in _caches(args, kwargs) for layer in _layers(cache))
        self._cached = [tuple(recorder.origin(kept) for kept in layer) for layer in layers]
        if self._users and (by or made_by or any(hit.by for met in hits.values() for hit in met)):
            self._alike = 0  # what grows in the user's own code may meet a limit there
        if self._users and before.held != held_by(self._module()):
            self._patience = 0  # it keeps something: where that was made has to be known
            self._alike = 0
        self.going = self._alike >= _ALIKE and self._readers(args, kwargs, result)

    def _readers(self, args: Args, kwargs: Kwargs, result: Any) -> bool:
        """Make the functions that compare what comes in and what comes out at sight; False for what only words can tell."""
        if self._form is not None and self._form.layout == (self._given_layout, self._made_layout):
            return True
        read, made = call_reader(args, kwargs), result_reader(result)
        if read is None or made is None:
            return False
        self._form = Form(read, (self._given_layout, self._made_layout))
        self._form.read_result = made
        known, found = read(args, kwargs, _NOBODYS, self._form), made(result, self._form)
        return known is not None and found is not None and len(flat(known[0])) == len(self.given)

    # -- passed ----------------------------------------------------------------------------------------------------

    def goes_on(self, module: Any, args: Args, kwargs: Kwargs) -> bool:
        """Whether this call is the foreseen one and need not be watched."""
        if self._module() is not module or self._recorder.closed or self._passed >= _AGAIN or not quiet.alone():
            return False
        form = self._form
        try:
            known = form.read(args, kwargs, _NOBODYS, form) if form is not None else None
        except Exception:  # of another form
            return False
        if known is None:
            return False
        given = flat(known[0])
        if given != (tuple(map(add, self.given, self._by)) if self._by else self.given):
            return False
        self.given = given
        return True

    def go(self, now: Standing, original: Callable[..., Any], module: Any, args: Args, kwargs: Kwargs) -> Any:
        """The call itself, with everything of ours out of its way, and its count."""
        covered, now.covered, now.steady = now.covered, True, True
        types, quiet.types = quiet.types, self._types
        quiet.pass_by(self._plain)
        try:
            with ModeOff(), Lifted(*_OFTEN) if self._plain else nullcontext():
                result = original(module, *args, **kwargs)
        except BaseException:
            self.going = False
            raise
        finally:
            quiet.pass_by(False)
            now.covered, now.steady, quiet.types = covered, False, types
        try:
            self._count(now, args, kwargs, result)
        except BaseException as trouble:
            self.going = False
            own_trouble(trouble)
        return result

    def _count(self, now: Standing, args: Args, kwargs: Kwargs, result: Any) -> None:
        recorder, form = self._recorder, self._form
        found = form.read_result(result, form) if form is not None and form.read_result is not None else None
        self._at = recorder.events
        recorder.events += self._events
        self._passed += 1
        self._pending += 1
        if found is None:
            self.going = False
            return
        made, expected = flat(found[0]), self._made
        self._made = made
        self.going = made == (tuple(map(add, expected, self._made_by)) if self._made_by else expected)
        for tensor, row in zip(found[1], self._made_rows, strict=False):
            if row is not None:
                recorder.origins[id(tensor)] = (ref(tensor), row)
        if self._cached:
            self._caches = [ref(cache) for cache in _caches(args, kwargs)]
            if now.inside is None:  # the user's code may look into them; a library's loop has others in between
                self._own_caches()
        if not self._passed % 8:
            recorder.tick()

    def _own_caches(self) -> None:
        """Set the keys and values that passed calls have left in the caches down as made by the rows that make them."""
        caches, self._caches = self._caches, []
        origins = self._recorder.origins
        kept = (layer for cache in caches for layer in _layers(cache()))
        for layer, rows in zip(kept, self._cached, strict=False):
            for tensor, row in zip(layer, rows, strict=True):
                if row is not None:
                    origins[id(tensor)] = (ref(tensor), row)

    def settle(self) -> None:
        """Put the calls that were passed down in their rows."""
        pending, self._pending = self._pending, 0
        if self._caches:
            self._own_caches()
        if pending:
            self._lanes.clear()  # they foresee the call after the last that was watched
            for hits in self._hits.values():
                for hit in hits:
                    hit.settle(pending, self._at)


def step_of(now: Standing, module: Any, calls: int, users: bool) -> Step | None:
    """What is known of a module's calls by a chain of calls; None while no event has come yet, and for too many modules."""
    spots = now.spots
    own = now.recorders
    if spots is None or spots.watching is not (states.process_recorders if own is None else own):
        return None
    place = (id(module), calls)
    step: Step | None = spots.steps.get(place)
    if step is None or step._module() is not module:
        if len(spots.steps) >= _MAX_STEPS:
            return None
        step = spots.steps[place] = Step(spots.recorder, spots.lanes, module, users)
        spots.recorder.unsettled.append(step.settle)
    return step


def _has_hooks(module: Any) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _is_plain(module: Any) -> bool:
    """Whether a module is called as torch calls modules, and not by what a compiler put in its place.

    What was compiled is guarded by what it read: a function that is a wrapper now and none then would have it compiled anew.
    """
    return (
        module._compiled_call_impl is None and "forward" not in module.__dict__ and "_orig_mod" not in module._modules
    )


def _caches(args: Args, kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """The caches that a call was given."""
    return (value for value in (*args, *kwargs.values()) if type(value).__name__.endswith("Cache"))


def _layers(cache: Any) -> Iterator[tuple[torch.Tensor, ...]]:
    """Keys and values of each layer of a cache."""
    for layer in layers_of(cache):
        yield tuple(kept for name in _KEPT if isinstance(kept := getattr(layer, name, None), torch.Tensor))
