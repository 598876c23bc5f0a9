"""Facts of a batch: where its padding stands, and where mask and positions disagree with it. The ids stay here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from shapeguard.capture.wrappers.padding import Rows, side
from shapeguard.values.pipeline import BatchFacts, BatchPicture, Mark, PictureRow

_MOST_ROWS = 24  # of a picture, and of the row lengths
Marks = list[list[Mark]]


def marks_of(ids: Rows, mask: Rows | None, pads: Iterable[int | None], shared: Iterable[int | None] = ()) -> Marks:
    """A mark for every position of every row.

    Args:
        pads: ids that fill rows up.
        shared: those of them that also are real tokens (an end token as the pad token): in a row whose mask leaves
            something out, the mask's word holds.
    """
    known = {pad for pad in pads if pad is not None}
    ends = [(_run(row, known), _run(row[::-1], known)) for row in ids]
    # A single id at all rows' ends is no padding: the rows end (or begin) with it.
    least = tuple(min((pair[at] for pair in ends), default=0) for at in (0, 1)) if len(ids) > 1 else (0, 0)
    alone = len(ids) == 1 and bool(known & set(shared))
    marks: Marks = []
    for number, row in enumerate(ids):
        left, right = (length if length > common else 0 for length, common in zip(ends[number], least, strict=True))
        shown = mask[number] if mask is not None and number < len(mask) and len(mask[number]) == len(row) else None
        if alone:
            left = right = 0
        plain = _plain(len(row), left, right, shown)
        if plain is not None:
            marks.append(plain)
            continue
        padded = [index < left or index >= len(row) - right for index in range(len(row))]
        marks.append(_marks(row, padded, shown, known, known & set(shared)))
    return marks


def _plain(length: int, left: int, right: int, mask: list[int] | None) -> list[Mark] | None:
    """The marks of a row in which mask and padding agree, as in nearly all they do; None for any other."""
    real = length - left - right
    if mask is None or real < 0 or mask != [0] * left + [1] * real + [0] * right:
        return None
    found: list[Mark] = ["pad"] * left
    return found + ["token"] * real + ["pad"] * right


def _run(row: Sequence[int], pads: set[int]) -> int:
    return next((index for index, token in enumerate(row) if token not in pads), len(row))


def _marks(row: list[int], padded: list[bool], mask: list[int] | None, pads: set[int], shared: set[int]) -> list[Mark]:
    if mask is None:
        return ["shown pad" if pad else "token" for pad in padded]
    filled = _filled(row, mask)
    told = not all(mask)
    marks: list[Mark] = []
    for token, pad, seen, fill in zip(row, padded, mask, filled, strict=True):
        if seen:
            marks.append("shown pad" if pad and not (told and token in shared) else "token")
        else:
            marks.append("pad" if pad or fill or token in pads else "hidden token")
    return marks


def _filled(row: list[int], mask: list[int]) -> list[bool]:
    """Positions at the ends that the mask leaves out and that hold one and the same id: a padding we do not know."""
    found = [False] * len(row)
    for order in (range(len(row)), range(len(row) - 1, -1, -1)):
        run = []
        for index in order:
            if mask[index] or row[index] != row[order[0]]:
                break
            run.append(index)
        for index in run:
            found[index] = True
    return found


def batch_facts(
    ids: Rows, mask: Rows | None, positions: Rows | None, marks: Marks, start: int | None = None
) -> BatchFacts:
    """Rows of ids as facts; ``start`` is the token a row begins with."""
    widths = {len(row) for row in ids}
    lengths = tuple(row.count("token") + row.count("hidden token") for row in marks)
    padding = [
        [mark in ("pad", "shown pad") for mark in row] if length < len(row) else [False] * len(row)
        for row, length in zip(marks, lengths, strict=True)
    ]
    return BatchFacts(
        rows=len(ids),
        width=max(widths, default=0),
        lengths=lengths[:_MOST_ROWS],
        ragged=len(widths) > 1,
        side=side(row for row in padding if True in row),
        mask="absent" if mask is None else side([not value for value in row] for row in mask if not all(row)),
        mask_shape=() if mask is None else (len(mask), max(map(len, mask), default=0)),
        shown=sum("shown pad" in row for row in marks),
        hidden=sum("hidden token" in row for row in marks),
        smallest=min((min(row) for row in ids if row), default=None),
        largest=max((max(row) for row in ids if row), default=None),
        positions="absent" if positions is None else _counted(positions, padding),
        positions_shape=() if positions is None else (len(positions), max(map(len, positions), default=0)),
        doubled=_doubled(ids, padding, start),
    )


def without_marks(facts: BatchFacts) -> BatchFacts:
    """The facts of a batch whose pad token nobody knows: shapes and extremes remain."""
    return msgspec.structs.replace(facts, side="?", shown=0, hidden=0)


def _counted(positions: Rows, padding: list[list[bool]]) -> str:
    """Whether positions are counted from each row's first token, or from its first column though padding stands there."""
    for row, padded in zip(positions if len(positions) > 1 else positions * len(padding), padding, strict=False):
        first = padded.index(False) if False in padded else 0
        if first and len(row) == len(padded) and row[first] >= first and row[first] > 0:
            return "padding"
    return "counted"


def _doubled(ids: Rows, padding: list[list[bool]], start: int | None) -> int:
    """How many rows begin with the start token twice."""
    if start is None:
        return 0
    firsts = (padded.index(False) if False in padded else 0 for padded in padding)
    return sum(row[first : first + 2] == [start, start] for row, first in zip(ids, firsts, strict=True))


def picture(marks: Marks) -> BatchPicture:
    """The batch to look at."""
    rows = tuple(
        PictureRow(
            sum(mark in ("token", "hidden token") for mark in row),
            tuple((mark, len(list(run))) for mark, run in groupby(row)),
        )
        for row in marks[:_MOST_ROWS]
    )
    return BatchPicture(max(map(len, marks), default=0), rows, max(0, len(marks) - _MOST_ROWS))
