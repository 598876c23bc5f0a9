"""The phrases that all renderers share, so that the terminal, the page and the bug report say the same thing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from shapeguard.values.findings import Edit, FactValue, Finding, LineageStep, Location, Mismatch, OperandView, Report
from shapeguard.values.shapes import format_shape

NONE = "none"  # in a cell: there is no such thing

# Control characters would reach the terminal, bidirectional marks reorder a line, lone surrogates fail to encode.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with tabs as spaces and every control character but the line break made visible."""
    text = text.replace("\r\n", "\n").expandtabs(4)
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str, limit: int = 0) -> str:
    """The text on one line, cut with an ellipsis where it is longer than ``limit`` (0: never cut)."""
    line = " ".join(clean(text).split())
    return line if not limit or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def cut(text: str, limit: int) -> str:
    """The text, cut with an ellipsis where it is longer than ``limit``; its line breaks stay."""
    text = clean(text).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def dedent(source: str, *, keep_blank: bool = False) -> list[str]:
    """The lines of a piece of source without their common indentation."""
    lines = [line.rstrip() for line in clean(source).split("\n")]
    if not keep_blank:
        lines = [line for line in lines if line]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return [line[margin:] for line in lines]


def place(location: Location | LineageStep | Edit) -> str:
    """``script.py:70``."""
    return f"{location.file}:{location.line}"


def short_place(location: Location | LineageStep) -> str:
    """``script.py:70`` with the file's name alone, for narrow columns."""
    return f"{os.path.basename(location.file.replace(chr(92), '/')) or location.file}:{location.line}"


def shape_text(shape: Sequence[int] | None) -> str:
    """A shape without names."""
    return NONE if shape is None else format_shape(shape)


def dtype_text(operand: OperandView) -> str:
    """``float32 cpu``."""
    return " ".join(clean(part) for part in (operand.dtype, operand.device) if part)


def operand_name(operand: OperandView) -> str:
    """The label, with the user's expression after it where that says more: ``tensors[1] · key_states``."""
    if operand.expression and operand.label and operand.expression != operand.label:
        return f"{one_line(operand.label)} · {one_line(operand.expression)}"
    return one_line(operand.label) or one_line(operand.expression) or "?"


def change_text(step: LineageStep) -> str:
    """``(4,) → (3,)`` where a step changed a size, the one shape where it made or kept it."""
    before, after = format_shape(step.before), format_shape(step.after)
    if step.before and step.after and step.before != step.after:
        return f"{before} → {after}"
    return after if step.after else before if step.before else ""


def dim_name(operands: Sequence[OperandView], dim: int) -> str:
    """What this dimension means; ``past/new`` where the operands call it differently, "" where it has no name."""
    names = dict.fromkeys(name for operand in operands for at, name in enumerate(operand.dims) if at == dim and name)
    return "/".join(map(one_line, names))


def mismatch_text(mismatch: Mismatch, operands: Sequence[OperandView] = ()) -> str:
    """``batch (dimension 0): 4 against 3``."""
    where = _where(mismatch, operands)
    if mismatch.kind == "index" and len(mismatch.sizes) == 2 and mismatch.sizes[0] > mismatch.sizes[1]:
        asked, there = mismatch.sizes
        return f"{where or 'size'}: {asked} asked for, there {'is' if there == 1 else 'are'} {there}"
    what = {
        "dim": where or "size",
        "rank": "number of dimensions",
        "numel": "number of elements",
        "index": f"index and size of {where}" if where else "index and size",
        "count": "count",
        "divides": f"divisibility of {where}" if where else "divisibility",
    }[mismatch.kind]
    return f"{what}: {' against '.join(map(str, mismatch.sizes))}"


def _where(mismatch: Mismatch, operands: Sequence[OperandView]) -> str:
    """The dimension that clashes; of each operand its own where they differ, as in a matmul or a broadcast."""
    clashing = [operand for operand in operands if operand.clashing is not None]
    if mismatch.kind == "dim" and len(clashing) == 2 and clashing[0].clashing != clashing[1].clashing:
        return " and ".join(
            f"dimension {operand.clashing} of {one_line(operand.expression or operand.label)}" for operand in clashing
        )
    if mismatch.dim is None:
        return ""
    name = dim_name(operands, mismatch.dim)
    return f"{name} (dimension {mismatch.dim})" if name else f"dimension {mismatch.dim}"


def title(finding: Finding) -> str:
    """``SG301 cache-batch-mismatch (error)``: the severity is a word, never a colour alone."""
    return f"{finding.code} {finding.name} ({finding.severity})"


def outcome_text(report: Report) -> str:
    """``crashed with RuntimeError``. A run that came to its end has ended: with which status is the program's affair."""
    outcome = "ended" if report.outcome == "completed" else report.outcome
    return outcome if report.exception is None else f"{outcome} with {clean(report.exception.type)}"


def edit_lines(edit: Edit) -> list[tuple[str, str]]:
    """The edit as ``("-", old line)`` and ``("+", new line)`` pairs without their common indentation."""
    old, new = clean(edit.old).splitlines(), clean(edit.new).splitlines()
    lines = dedent("\n".join(old + new), keep_blank=True)
    return [("-" if number < len(old) else "+", line) for number, line in enumerate(lines)]


def edit_place(edit: Edit) -> str:
    """Where the edit goes; an edit without an old text is put after the line."""
    return place(edit) if edit.old else f"after {place(edit)}"


def fact_text(value: FactValue) -> str:
    """A setting as it would be written in Python."""
    return one_line(str(value) if not isinstance(value, str) else value, 120)


def more_rows(count: int) -> str:
    """The note under a table that was cut."""
    return f"{count:,} more row{'' if count == 1 else 's'} in report.json"
