"""Readers: functions made for the layout of one call, which know a call like it and read its numbers off in one go.

A program calls the same place with the same kinds of arguments over and over, and only the numbers differ. ``describe``
works the layout out anew each time; a reader asks what could have changed and takes the numbers, without a call or a tuple
more than that. Where anything is different it answers None, and the call is described in full.

For ``torch.cat([past, new], dim=1)`` with tensors of two dimensions the reader is, in short::

    def read(args, kwargs, origins, form):
        v1, = args
        v2 = kwargs['dim']
        if not (type(v1) is list and len(v1) == 2): return None
        v3, v4 = v1
        if form.check is not None and form.check(v3, v4) and form.given[2] == v2:
            sizes = form.given
        else:
            if not (type(v3) is Tensor and v3.dtype is int64 and v3.is_cpu): return None
            s3 = v3.shape
            ...
            sizes = (s3, s4, v2)
        return sizes, (o3, o4)

Sizes come as they are, tensor by tensor; ``segment.flat`` makes plain numbers of them where they have changed.

Imported only after the user's program has imported torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

import torch

from shapeguard.capture.form import Form
from shapeguard.capture.layout import MAX_ITEMS, PLAIN_TENSORS, cached_keys, is_setting
from shapeguard.capture.segment import Sizes
from shapeguard.capture.trouble import let_through

Origins = Mapping[int, tuple[Any, int]]
ReadCall = Callable[[Sequence[Any], Mapping[str, Any], Origins, Form], tuple[Sizes, tuple[int | None, ...]] | None]
ReadResult = Callable[[Any, Form], tuple[Sizes, tuple[torch.Tensor, ...]] | None]

_MAX_LINES = 200  # a call with more to ask is described in full


class _Unreadable(Exception):
    """A value that only ``describe`` can tell."""


class _Reader:
    """The lines of a reader, made from the values of one call."""

    def __init__(self) -> None:
        self.lines: list[str] = []  # that ask for everything but tensors
        self.asked: list[str] = []  # that ask for tensors
        self.known: dict[str, Any] = {"cached_keys": cached_keys}
        self.numbers: list[str] = []
        self.shapes: set[str] = set()  # those of the numbers that are a tensor's sizes
        self.tensors: list[str] = []
        self._locals = 0

    def fresh(self) -> str:
        self._locals += 1
        return f"v{self._locals}"

    def constant(self, value: Any) -> str:
        name = f"k{len(self.known)}"
        self.known[name] = value
        return name

    def add(self, line: str) -> None:
        self.lines.append(line)
        if len(self.lines) > _MAX_LINES:
            raise _Unreadable

    def require(self, condition: str) -> None:
        self.add(_unless(condition))

    # -- arguments: what ``layout.describe`` says of them ------------------------------------------------------------

    def argument(self, value: Any, at: str) -> None:
        """Ask for a value like this one at the local ``at``."""
        kind = type(value)
        if kind in PLAIN_TENSORS:
            self.tensor(value, at)
        elif kind is int:
            self.require(f"type({at}) is int")
            self.numbers.append(at)
        elif value is None or kind is bool or value is Ellipsis or kind is torch.dtype:
            self.require(f"{at} is {self.constant(value)}")
        elif kind is float:
            self.require(f"type({at}) is float")
        elif (kind is str and is_setting(value)) or kind is torch.device:
            self.require(f"type({at}) is {self.constant(kind)} and {at} == {self.constant(value)}")
        elif kind is tuple or kind is list or kind is torch.Size:
            self.items(value, at)
        elif kind is slice:
            self.require(f"type({at}) is slice")
            for part in ("start", "stop", "step"):
                local = self.fresh()
                self.add(f"{local} = {at}.{part}")
                self.argument(getattr(value, part), local)
        else:
            self.object(value, kind, at)

    def tensor(self, value: torch.Tensor, at: str) -> None:
        where = f"{at}.is_cpu" if value.is_cpu else f"{at}.device == {self.constant(value.device)}"
        kind, dtype = self.constant(type(value)), self.constant(value.dtype)
        shape = self.fresh()
        self.asked += [
            _unless(f"type({at}) is {kind} and {at}.dtype is {dtype} and {where}"),
            f"{shape} = {at}.shape",
            _unless(f"len({shape}) == {len(value.shape)}"),
        ]
        self.numbers.append(shape)
        self.shapes.add(shape)
        self.tensors.append(at)

    def items(self, value: Sequence[Any], at: str) -> None:
        if len(value) > MAX_ITEMS:
            raise _Unreadable
        self.require(f"type({at}) is {self.constant(type(value))} and len({at}) == {len(value)}")
        for local, item in self.unpacked(value, at):
            self.argument(item, local)

    def unpacked(self, value: Sequence[Any], at: str) -> list[tuple[str, Any]]:
        locals_ = [self.fresh() for _ in value]
        if locals_:
            self.add(f"{', '.join(locals_)}, = {at}")
        return list(zip(locals_, value, strict=True))

    def object(self, value: Any, kind: type[Any], at: str) -> None:
        if kind is str or issubclass(kind, torch.Tensor | tuple | list):
            raise _Unreadable
        if issubclass(kind, dict) and not kind.__name__.endswith("Cache"):
            self.result(value, at)  # opened as a result is
            return
        self.require(f"type({at}) is {self.constant(kind)}")
        if kind.__name__.endswith("Cache"):
            local = self.fresh()
            self.add(f"{local} = cached_keys({at})")
            self.argument(cached_keys(value), local)

    # -- results: what ``layout.describe_result`` says of them -------------------------------------------------------

    def result(self, value: Any, at: str, depth: int = 0) -> None:
        """Ask for a result like this one at the local ``at``; only tensors count."""
        kind = type(value)
        if kind in PLAIN_TENSORS:
            self.tensor(value, at)
            return
        self.require(f"type({at}) is {self.constant(kind)}")
        if issubclass(kind, torch.Tensor):
            raise _Unreadable
        if depth > 1:
            return
        if issubclass(kind, dict):
            names, items = self.fresh(), self.fresh()
            self.add(f"{names} = tuple(dict.keys({at}))")
            self.require(f"{names} == {self.constant(tuple(dict.keys(value)))}")
            self.add(f"{items} = tuple(dict.values({at}))")
            self.results(tuple(dict.values(value)), items, depth)
        elif issubclass(kind, tuple | list):
            own: Any = tuple if issubclass(kind, tuple) else list
            plain = own.__getitem__(value, slice(None))
            items = self.fresh()
            self.require(f"{own.__name__}.__len__({at}) == {len(plain)}")
            self.add(f"{items} = {own.__name__}.__getitem__({at}, slice(None))")
            self.results(plain, items, depth)

    def results(self, values: Sequence[Any], at: str, depth: int) -> None:
        if len(values) > MAX_ITEMS:
            raise _Unreadable
        for local, item in self.unpacked(values, at):
            self.result(item, local, depth + 1)

    # -- the function ------------------------------------------------------------------------------------------------

    def made(self, head: str, expected: str, tail: Sequence[str], second: Sequence[str]) -> Any:
        """The function, which answers with the sizes and with ``second``.

        ``expected`` are the names in a form: of the check of its tensors, of its sizes, of what makes the check anew.
        """
        check, sizes, renew = expected.split()
        likely = [f"form.{sizes}[{i}] == {at}" for i, at in enumerate(self.numbers) if at not in self.shapes]
        if self.tensors:
            likely = [f"form.{check} is not None", f"form.{check}({', '.join(self.tensors)})", *likely]
        else:
            likely = [f"form.{sizes} is not None", *likely]
        renewed = [f"    form.{renew}(({_listed(self.tensors)}))"] if self.tensors else []
        body = [
            *self.lines,
            f"if {' and '.join(likely)}:",
            f"    sizes = form.{sizes}",
            "else:",
            *(f"    {line}" for line in self.asked),
            f"    sizes = ({_listed(self.numbers)})",
            f"    if sizes == form.{sizes}:",
            *(f"    {line}" for line in renewed),
            f"        sizes = form.{sizes}",
            *tail,
            f"return sizes, ({_listed(second)})",
        ]
        source = f"def read({head}):\n" + "".join(f"    {line}\n" for line in body)
        exec(_compiled(source), self.known)
        return self.known["read"]


@functools.lru_cache(maxsize=2048)
def _compiled(source: str) -> CodeType:
    """Types, dtypes and names stand outside of the source, so that many readers share one."""
    return compile(source, "<shapeguard reader>", "exec")


def _unless(condition: str) -> str:
    return f"if not ({condition}): return None"


def _listed(items: Sequence[str]) -> str:
    return "".join(f"{item}, " for item in items)


def call_reader(args: Sequence[Any], kwargs: Mapping[str, Any]) -> ReadCall | None:
    """A reader of calls like this one: their numbers, and the row that made each tensor.

    It may raise where the call is not like this one.
    """
    reader = _Reader()
    try:
        reader.require(f"len(args) == {len(args)} and len(kwargs) == {len(kwargs)}")
        values = reader.unpacked(args, "args")
        for name, value in kwargs.items():
            local = reader.fresh()
            reader.add(f"{local} = kwargs[{reader.constant(name)}]")
            values.append((local, value))
        for local, value in values:
            reader.argument(value, local)
        tail, second = [], []
        for index, at in enumerate(reader.tensors):
            tail.append(f"o{index} = origins.get(id({at}))")
            second.append(f"o{index}[1] if o{index} is not None and o{index}[0]() is {at} else None")
        made: ReadCall = reader.made("args, kwargs, origins, form", "check given renew", tail, second)
    except Exception as trouble:
        let_through(trouble)
        return None
    return made


def result_reader(value: Any) -> ReadResult | None:
    """A reader of results like this one: their numbers, and their tensors."""
    reader = _Reader()
    try:
        reader.result(value, "value")
        made: ReadResult = reader.made("value, form", "check_result made renew_result", (), reader.tensors)
    except Exception as trouble:
        let_through(trouble)
        return None
    return made
