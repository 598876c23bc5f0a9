"""Verification: a batch compared with its rows one by one, as values."""

from __future__ import annotations

import msgspec


class VerifiedRow(msgspec.Struct, frozen=True):
    """One row: what it gives in the batch against what it gives alone.

    ``differences`` are the greatest absolute ones of the logits that choose the next token: of the prefill, then of
    each decode step (of a function: of its output). None where there is nothing to subtract: NaN, another shape.
    """

    row: int  # counts from 0
    passed: bool
    differences: tuple[float | None, ...] = ()
    tolerance: float = 0.0
    repeated: tuple[float | None, ...] = ()  # the same differences with everything computed in a wider dtype
    repeated_tolerance: float = 0.0
    tokens: int | None = None  # of the prompt alone
    pads: int | None = None  # that the batch adds to it
    first_other: int | None = None  # the first step (of a function: place) at which the batch gives another token
    expected: str = ""  # that token alone
    got: str = ""  # and in the batch
    rounding: bool = False  # beyond the tolerance, and gone in the wider dtype: no leak
    remark: str = ""

    @property
    def worst(self) -> float | None:
        """The greatest difference; None where one of them is not a number."""
        return greatest(self.differences)


class Repair(msgspec.Struct, frozen=True):
    """The batch once more with one thing repaired: a hypothesis about the cause, and what became of it."""

    name: str  # "padding on the left"
    code: str  # the rule whose cause this would be
    mends: bool
    worst: float | None = None  # the greatest difference that is left, over the rows that failed
    remark: str = ""  # why it could not be tried


class Verification(msgspec.Struct, frozen=True):
    """A batch, its rows one by one, and whether they are the same."""

    what: str  # "LlamaForCausalLM.generate", or the function's name
    passed: bool
    rows: tuple[VerifiedRow, ...] = ()
    steps: int = 1  # forward passes compared: the prefill and the decode steps
    dtype: str = ""
    repeated_in: str = ""  # the wider dtype; "" where nothing was repeated
    padding: str = ""  # "left" | "right" | "none"; "" for a function
    mask: str = ""  # "given" | "absent" | "wrong"
    attention: str = ""  # "sdpa"
    tolerance: str = ""  # how the tolerances are derived
    tried: tuple[Repair, ...] = ()
    cause: str = ""  # in a sentence; "" where all rows agree or nothing is known

    @property
    def failed(self) -> tuple[VerifiedRow, ...]:
        """The rows that are not what they are alone."""
        return tuple(row for row in self.rows if not row.passed)


def greatest(differences: tuple[float | None, ...]) -> float | None:
    """The greatest of some differences; None where one of them is not a number."""
    known = [difference for difference in differences if difference is not None]
    return max(known, default=0.0) if len(known) == len(differences) else None
