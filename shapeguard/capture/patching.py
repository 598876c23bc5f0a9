"""Reversible replacement of attributes: the only place in shapeguard that sets an attribute on a foreign object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapeguard.capture.wrappers.builtin import StandIn

_MISSING = object()

Wrapper = Callable[[Any], Any]


class Patch:
    """One attribute of one owner, replaced by what ``wrap`` makes of the original.

    The original is looked up in ``vars(owner)``, not through getattr: an inherited method is wrapped on the class it was
    asked for, and undoing removes the wrapper from there and leaves nothing behind. staticmethod and classmethod objects
    are unwrapped and wrapped again.
    """

    def __init__(self, owner: Any, name: str, wrap: Wrapper) -> None:
        self.owner = owner
        self.name = name
        self._wrap = wrap
        self._original: Any = _MISSING
        self._mine: Any = _MISSING

    def apply(self) -> None:
        """Put the wrapper in place.

        Raises:
            AttributeError: the owner has no such attribute, neither of its own nor inherited.
        """
        original = vars(self.owner).get(self.name, _MISSING)
        if original is _MISSING:
            self._mine = self._wrap(getattr(self.owner, self.name))
        elif isinstance(original, staticmethod | classmethod):
            self._mine = type(original)(self._wrap(original.__func__))
        else:
            self._mine = self._wrap(original)
        self._original = original
        setattr(self.owner, self.name, self._mine)

    def undo(self) -> None:
        """Restore what was found, but only while the attribute is still our wrapper."""
        if self._mine is _MISSING or vars(self.owner).get(self.name, _MISSING) is not self._mine:
            return
        if self._original is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self._original)
        self._mine = _MISSING


class Lifted:
    """Context in which attributes that are wrappers of ours are what they wrap. Whatever else they are stays."""

    __slots__ = ("_lifted",)

    def __init__(self, *places: tuple[Any, str]) -> None:
        found = [(vars(owner), name) for owner, name in places]
        self._lifted = [
            (attributes, name, wrapper, wrapper._original)
            for attributes, name in found
            if isinstance(wrapper := attributes.get(name), StandIn)
        ]

    def __enter__(self) -> None:
        for attributes, name, _, original in self._lifted:
            attributes[name] = original

    def __exit__(self, *exception: object) -> None:
        for attributes, name, wrapper, original in self._lifted:
            if attributes.get(name) is original:
                attributes[name] = wrapper


class PatchSet:
    """Patches that are undone together, last one first, whatever happens in between."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def add(self, owner: Any, name: str, wrap: Wrapper) -> None:
        """Apply one patch. Its undo is registered first, so an interrupt in between leaves nothing behind."""
        patch = Patch(owner, name, wrap)
        self._undo.append(patch.undo)
        patch.apply()

    def callback(self, undo: Callable[[], object]) -> None:
        """Register something else to be undone in the same order; it may be called twice."""
        self._undo.append(undo)

    def close(self) -> None:
        """Undo everything. What was interrupted or went wrong is raised when all is undone."""
        trouble: BaseException | None = None
        while self._undo:
            try:
                self._undo[-1]()
            except KeyboardInterrupt as interrupt:
                trouble = interrupt
                continue  # the undo may have been cut off: once more
            except Exception as error:
                trouble = trouble or error
            del self._undo[-1]
        if trouble is not None:
            raise trouble
