"""The operands of the failing expression for the terminal: one column a dimension, the clash between arrowheads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from shapeguard.render.clash import clashing_dims
from shapeguard.render.words import clean, dim_name, dtype_text, one_line, operand_name, short_place
from shapeguard.values.findings import Mismatch, OperandView

_CLASH = "bold red"
_MOST_OPERANDS = 8
_LEAST_NAME = 10
_LONGEST_NAME = 40


def operand_lines(operands: Sequence[OperandView], mismatch: Mismatch | None, width: int) -> Iterator[Text]:
    """Each operand's name and sizes, below it its dtype, device and the line that made it.

    Operands of one rank stand in columns by dimension; others, or where there is no room, have their shape inline.
    """
    shown = operands[:_MOST_OPERANDS]
    marks = clashing_dims(operands, mismatch)[:_MOST_OPERANDS]
    lines = _in_columns(shown, marks, width) or [_inline(*pair) for pair in zip(shown, marks, strict=True)]
    if len(lines) > len(shown):
        yield lines.pop(0)
    for operand, line in zip(shown, lines, strict=True):
        yield line
        if detail := _detail(operand):
            yield Text(f"    {detail}", style="dim", overflow="fold")
    if len(operands) > len(shown):
        yield Text(f"… and {len(operands) - len(shown)} more in report.json")


def _in_columns(operands: Sequence[OperandView], marks: Sequence[frozenset[int]], width: int) -> list[Text]:
    """A header and a line for each operand; nothing when the ranks differ or the columns need more than ``width``."""
    ranks = {len(operand.shape) for operand in operands if operand.shape is not None}
    if len(ranks) != 1 or 0 in ranks:
        return []
    rank = ranks.pop()
    rows = [_sizes(operand, mark, rank) for operand, mark in zip(operands, marks, strict=True)]
    header = [dim_name(operands, dim) or f"dim {dim}" for dim in range(rank)]
    widths = [max(cell_len(row[dim]) for row in [header, *rows]) + 2 for dim in range(rank)]
    name_width = min(max(cell_len(operand_name(operand)) for operand in operands), width - sum(widths))
    if name_width < _LEAST_NAME:
        return []
    lines = [_columns(Text(" " * name_width), header, widths, frozenset())]
    for operand, row, mark in zip(operands, rows, marks, strict=True):
        name = Text(operand_name(operand), style="bold")
        name.truncate(name_width, overflow="ellipsis", pad=True)
        lines.append(_columns(name, row, widths, mark))
    return lines


def _columns(line: Text, cells: Sequence[str], widths: Sequence[int], mark: frozenset[int]) -> Text:
    line = Text.assemble(line)
    for dim, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        line.append(" " * (width - cell_len(cell)))
        line.append(cell, style=_CLASH if dim in mark else "default")
    return line


def _sizes(operand: OperandView, mark: frozenset[int], rank: int) -> list[str]:
    if operand.shape is None:
        return ["-"] * rank
    return [_size(size, dim in mark) for dim, size in enumerate(operand.shape)]


def _size(size: int, clashes: bool) -> str:
    return f">{size}<" if clashes else str(size)


def _inline(operand: OperandView, mark: frozenset[int]) -> Text:
    """``input · hidden  (batch 32, >784<)``."""
    line = Text(one_line(operand_name(operand), _LONGEST_NAME), style="bold", overflow="fold")
    if operand.shape is None:
        return line.append("  no tensor", style="default")
    line.append("  (", style="default")
    for dim, size in enumerate(operand.shape):
        name = one_line(operand.dims[dim]) if dim < len(operand.dims) else ""
        line.append(f"{', ' if dim else ''}{name}{' ' if name else ''}", style="default")
        line.append(_size(size, dim in mark), style=_CLASH if dim in mark else "default")
    return line.append(",)" if len(operand.shape) == 1 else ")", style="default")


def _detail(operand: OperandView) -> str:
    made = f"made at {clean(short_place(operand.origin))}" if operand.origin is not None else ""
    return " · ".join(part for part in (dtype_text(operand), made) if part)
