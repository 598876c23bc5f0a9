"""A batch as a picture: rows by positions, pads, real tokens, and where the mask disagrees with the padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shapeguard.values.pipeline import BatchPicture, Mark, PictureRow

# In the order in which one of several marks in a cell is shown: what is wrong is never hidden by what is right.
_ORDER: tuple[Mark, ...] = ("shown pad", "hidden token", "token", "pad")
SIGNS: dict[Mark, str] = {"token": "█", "pad": "·", "shown pad": "!", "hidden token": "?"}
WORDS: dict[Mark, str] = {
    "token": "real token",
    "pad": "padding",
    "shown pad": "padding that the mask shows",
    "hidden token": "real token that the mask hides",
}


class DrawnRow(NamedTuple):
    """A row's number, its real length and its cells from left to right."""

    number: int
    length: int
    cells: tuple[Mark, ...]

    @property
    def text(self) -> str:
        """The cells as signs."""
        return "".join(SIGNS[cell] for cell in self.cells)


class Drawing(NamedTuple):
    """A batch drawn in so many columns; ``scale`` positions share a cell."""

    rows: tuple[DrawnRow, ...]
    scale: int
    marks: tuple[Mark, ...]  # those that occur, for the legend
    left_out: int


def draw(picture: BatchPicture, columns: int) -> Drawing:
    """The picture in at most ``columns`` cells a row."""
    scale = max(1, -(-picture.width // max(1, columns)))
    rows = tuple(DrawnRow(number, row.length, _cells(row, scale)) for number, row in enumerate(picture.rows))
    used = {cell for row in rows for cell in row.cells}
    return Drawing(rows, scale, tuple(mark for mark in SIGNS if mark in used), picture.left_out)


def _cells(row: PictureRow, scale: int) -> tuple[Mark, ...]:
    marks: list[Mark] = [mark for mark, length in row.runs for _ in range(length)]
    return tuple(_shown(marks[start : start + scale]) for start in range(0, len(marks), scale))


def _shown(marks: Sequence[Mark]) -> Mark:
    return next(mark for mark in _ORDER if mark in marks)


def notes(drawing: Drawing) -> list[str]:
    """What has to be said under a drawing."""
    said = []
    if drawing.scale > 1:
        said.append(f"a cell stands for {drawing.scale} positions")
    if drawing.left_out:
        said.append(f"{drawing.left_out} more row{'' if drawing.left_out == 1 else 's'}")
    return said
