"""Spot: one place on the way from the use of a value to the line in which it was written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "use",  # where the climb begins
    "assign",  # a local name gets its value
    "attribute",  # an attribute of an object gets its value
    "parameter",  # a parameter whose caller is not known
    "argument",  # a caller hands the value in
    "default",  # a parameter's or a field's default
    "return",  # a function of the user's hands the value back
    "constant",  # a module's name gets a literal
    "entry",  # an entry of a dict, a config or a text; a keyword of a library call
    "loop",  # a loop's target takes the value from its iterable
    "call",  # a library call made the value
    "option",  # a command line option or an environment variable
    "data",  # the size or length of a value: ``node_text`` is that value's expression, for tensor lineage to go on with
    "outside",  # nothing more is known
]


@dataclass(frozen=True)
class Spot:
    """One place of a climb."""

    file: str
    line: int  # first line of the innermost statement; for an entry of a text, the line inside the text
    function: str
    node_text: str
    kind: Kind
    depth: int = -1  # how many steps up the call chain the place stands; -1 beside the chain
    part: int = field(default=0, compare=False)  # the line within the statement on which the node stands itself


@dataclass(frozen=True)
class Trail:
    """The spots from the use to one origin, and how that origin ranks among several (0: written down by a person)."""

    spots: tuple[Spot, ...]
    rank: int
