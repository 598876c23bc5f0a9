"""Run: a Recording with the questions that rules ask of it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, wraps
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from shapeguard.analysis.climbing.spots import Spot
from shapeguard.analysis.inlined import inlined
from shapeguard.analysis.operand_names import operand_texts
from shapeguard.analysis.own_rows import own_rows
from shapeguard.analysis.source import Sources, parsed_text
from shapeguard.values.findings import Location, OperandView
from shapeguard.values.recording import Failure, FrameInfo, NamedValue, Recording, Row, Site, TensorArg

CACHE_DIMS = ("batch", "kv_heads", "past", "head_dim")
NEW_DIMS = ("batch", "kv_heads", "seq", "head_dim")
_Answer = TypeVar("_Answer")
_Node = TypeVar("_Node", bound=ast.AST)


class Placed(Protocol):
    """What stands in a function at a line of a file."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def function(self) -> str: ...


class Stated(Location, frozen=True, eq=False):
    """A statement, on its first line, by which places are compared; ``part`` is the line within it that is meant."""

    part: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Location) and (self.file, self.line, self.function) == (
            other.file,
            other.line,
            other.function,
        )

    def __ne__(self, other: object) -> bool:  # the base has one of its own, for all fields
        return not self == other

    def __hash__(self) -> int:
        return hash((self.file, self.line, self.function))


class Run:
    """What happened, ready to be asked: rows by kind, places as locations, the failure and its operation."""

    def __init__(self, recording: Recording) -> None:
        self.recorded = recording.rows  # all of them; what rules ask are those of the program
        self.recording = recording = inlined(own_rows(recording))
        self.rows = recording.rows
        self.sources = Sources(recording.sources)
        self.processes: tuple[Run, ...] = (self,)  # the guarded process and its children, this one among them

    # -- rows ------------------------------------------------------------------------------------------------------

    def of_kind(self, *kinds: str) -> Iterator[Row]:
        """Rows of these kinds in the order in which they first happened."""
        return (row for row in self.rows if row.kind in kinds)

    def row(self, number: int | None) -> Row | None:
        """The row of this id."""
        return self.rows[number] if number is not None and 0 <= number < len(self.rows) else None

    def chain(self, row: Row) -> list[Site]:
        """The user's call chain of a row, innermost first."""
        return [self.recording.sites[number] for number in self.recording.chains[row.chain].sites]

    def location(self, row: Row, step: int = 0) -> Location | None:
        """The user's line of a row; ``step`` 1 is the line that called the function the row stands in, and so on."""
        sites = self.recording.chains[row.chain].sites if row.chain < len(self.recording.chains) else ()
        if step >= len(sites):
            return None
        site = self.recording.sites[sites[step]]
        return self.place(site.file, site.line, site.function)

    def helper_call(self, row: Row) -> Location | None:
        """The call of the plain function in which a row was made; None where a method, or no function, made it."""
        sites = self.chain(row)
        helper = len(sites) > 1 and sites[0].function.isidentifier() and sites[0].function != sites[1].function
        return self.location(row, 1) if helper else None

    def at_one_place(self, row: Row, other: Row) -> bool:
        """Whether two rows stand for one expression of the code, whoever called the function it stands in."""
        chains = self.recording.chains
        return chains[row.chain].sites[:1] == chains[other.chain].sites[:1]

    def place(self, file: str, line: int, function: str = "", part: int = 0) -> Location:
        """A location on the first line of the statement that covers a line; ``part`` is the line of it that is meant."""
        source = self.sources[file]
        first = source.first_line(line)
        return Stated(file, first, function, source.line(first), part or line)

    def shown(self, place: Location) -> Location:
        """A place as readers are told of it: the very line within a statement of several lines."""
        line = place.part if isinstance(place, Stated) else place.line
        return Location(place.file, line, place.function, self.sources[place.file].line(line) or place.source)

    def line(self, row: Row) -> Location | None:
        """The user's very line of a row, as readers are told of it."""
        place = self.location(row)
        return self.shown(place) if place is not None else None

    def at(self, spot: Placed) -> Location:
        """The location of a spot of a climb, or of a frame or site."""
        return self.place(spot.file, spot.line, spot.function, spot.part if isinstance(spot, Spot) else 0)

    def nodes(self, kind: type[_Node]) -> Iterator[tuple[str, _Node]]:
        """The parts of the user's files that are of a kind, each with its file."""
        for file in self.recording.sources:
            yield from ((file, node) for node in self.sources[file].nodes if isinstance(node, kind))

    def expression(self, row: Row) -> str:
        """The text of the expression a row stands for."""
        sites = self.recording.chains[row.chain].sites
        if not sites:
            return ""
        site = self.recording.sites[sites[0]]
        return self.sources[site.file].segment(site.line, site.end_line, site.col, site.end_col)

    # -- the failure -----------------------------------------------------------------------------------------------

    @cached_property
    def failure(self) -> Failure | None:
        """The exception that ended the run: the last one that left guarded code."""
        return self.recording.failures[-1] if self.recording.failures else None

    @cached_property
    def failed_rows(self) -> list[Row]:
        """Rows whose call raised the exception that ended the run, innermost first."""
        if self.failure is None:
            return []
        text = f"{self.failure.exception.type}: {self.failure.exception.message[:500]}"
        last = [row for row in self.rows if row.error == text]
        return sorted(last, key=lambda row: row.first_at)

    def failed_row(self, *kinds: str) -> Row | None:
        """The innermost failed row of one of these kinds."""
        return next((row for row in self.failed_rows if not kinds or row.kind in kinds), None)

    @cached_property
    def frames(self) -> tuple[FrameInfo, ...]:
        """Frames of the failure, outermost first."""
        return self.failure.frames if self.failure is not None else ()

    @cached_property
    def inner_frame(self) -> FrameInfo | None:
        """The frame that raised."""
        return self.frames[-1] if self.frames else None

    @cached_property
    def user_frame(self) -> FrameInfo | None:
        """The innermost frame of the user's own code."""
        return next((frame for frame in reversed(self.frames) if frame.user), None)

    @cached_property
    def failed_at(self) -> Location | None:
        """The innermost line of the user's own code in the traceback."""
        frame = self.user_frame
        if frame is None:
            return None
        return Location(frame.file, frame.line, frame.function, self.sources[frame.file].line(frame.line))

    def statement_of(self, frame: FrameInfo) -> Location:
        """The statement that was running in a frame."""
        return self.place(frame.file, frame.line, frame.function)

    # -- operands --------------------------------------------------------------------------------------------------

    def operand(self, value: NamedValue, dims: Iterable[str] = ()) -> OperandView:
        """A value of a frame as an operand of a finding."""
        return OperandView(
            value.label or value.expression,
            value.expression,
            value.shape,
            tuple(dims),
            value.dtype,
            value.device,
            self.birth(value.origin),
        )

    def view(self, value: NamedValue | TensorArg, dims: Iterable[str] = ()) -> OperandView:
        """A value of a frame, or a tensor of a row, as an operand of a finding."""
        return self.tensor(value, "", dims) if isinstance(value, TensorArg) else self.operand(value, dims)

    def tensor(self, tensor: TensorArg, expression: str = "", dims: Iterable[str] = ()) -> OperandView:
        """A tensor of a row as an operand of a finding."""
        return OperandView(
            tensor.label,
            expression or self._called(tensor),
            tensor.last,
            tuple(dims),
            tensor.dtype,
            tensor.device,
            self.birth(tensor.origin),
        )

    @cached_property
    def _given_to(self) -> dict[int, Row]:
        """The rows by the very tensors that they were given."""
        return {id(tensor): row for row in self.rows for tensor in row.inputs}

    def _called(self, tensor: TensorArg) -> str:
        """What the user's expression calls a tensor that an op was given; its label where that is not known."""
        row = self._given_to.get(id(tensor))
        texts = operand_texts(parsed_text(self.expression(row)), row) if row is not None else {}
        text = texts.get(tensor.label, tensor.label)
        frame = self.user_frame
        known = [*frame.operands, *frame.locals] if frame is not None else []
        shapes = [value.shape for value in known if value.expression == text and value.shape is not None]
        # The expression may call a layer that handed on another tensor in the same place.
        return tensor.label if shapes and tensor.last not in shapes and row in self.failed_rows else text

    def birth(self, origin: int | None) -> Location | None:
        """The user's line in which a row made its result."""
        row = self.row(origin)
        return self.location(row) if row is not None else None


def calls_in_common(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """How many of the outermost calls two chains have in common."""
    common = 0
    while common < min(len(ours), len(theirs)) and ours[-1 - common] == theirs[-1 - common]:
        common += 1
    return common


def per_run(question: Callable[[Run], _Answer]) -> Callable[[Run], _Answer]:
    """A question to a run that several rules ask: worked out once."""
    answers: WeakKeyDictionary[Run, _Answer] = WeakKeyDictionary()

    @wraps(question)
    def asked(run: Run) -> _Answer:
        if run not in answers:
            answers[run] = question(run)
        return answers[run]

    return asked
