"""The report as one HTML file without outside resources.

Every text is escaped, and the page's content policy lets no script run but our own.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shapeguard.render import words
from shapeguard.render.alignment import ATTENTION, INPUTS, AlignedStep, Quantity, align, by_layer, output_rows
from shapeguard.render.chart import charts
from shapeguard.render.clash import clashing_dims
from shapeguard.render.excerpt import Gap, excerpt
from shapeguard.render.picture import SIGNS, WORDS, draw, notes
from shapeguard.render.verified import summary_lines, table, verdict
from shapeguard.values.findings import Comparison, Mismatch, OperandView, Report, StepRow
from shapeguard.values.shapes import format_range
from shapeguard.values.verification import Verification

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_STEPS = 200
_MOST_CALLS = 500
_MOST_OUTPUTS = 200
_PICTURE_COLUMNS = 128
_SHAPE_KINDS = frozenset({"attention", "cache", "concat"})
_MARKS = {"error": "✗", "warning": "!", "note": "i"}


def render(report: Report) -> str:
    """The page, complete in itself."""
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            first=report.findings[0] if report.findings else None,
            others=report.findings[1:],
            steps=_shown_steps(report.steps),
            calls=excerpt(report.calls, cap=_MOST_CALLS, keep=[n for n, call in enumerate(report.calls) if call.error]),
            kinds=sorted({call.kind for call in report.calls}),
            drawing=(drawing := draw(report.batch, _PICTURE_COLUMNS) if report.batch is not None else None),
            notes=notes(drawing) if drawing is not None else [],
            beside=_side_by_side(report.comparison) if report.comparison is not None else None,
            verified=_verified(report.verification) if report.verification is not None else None,
            style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
            script=Markup(script),
            script_digest=digest,
        )
    )


def _verified(verification: Verification) -> dict[str, object]:
    """The batch against its rows, as the page shows it."""
    header, rows = table(verification)
    return {
        "verdict": verdict(verification),
        "header": header,
        "rows": list(zip(rows[:_MOST_STEPS], verification.rows, strict=False)),
        "left_out": max(0, len(rows) - _MOST_STEPS),
        "lines": summary_lines(verification),
    }


def _shown_steps(steps: tuple[StepRow, ...]) -> list[StepRow | Gap]:
    return excerpt(steps, cap=_MOST_STEPS, keep=[number for number, step in enumerate(steps) if not step.agrees])


def _side_by_side(comparison: Comparison) -> dict[str, object]:
    """Everything the comparison's part of the page shows."""
    outputs = output_rows(comparison)
    return {
        "inputs": _shown_aligned(comparison, INPUTS),
        "attention": _shown_aligned(comparison, ATTENTION),
        "input_names": [quantity.name for quantity in INPUTS],
        "attention_names": [quantity.name for quantity in ATTENTION],
        "charts": charts(comparison),
        "outputs": outputs[:_MOST_OUTPUTS],
        "outputs_left_out": max(0, len(outputs) - _MOST_OUTPUTS),
        "runs": [
            (run, excerpt(by_layer(run.calls, _SHAPE_KINDS), cap=60)) for run in (comparison.left, comparison.right)
        ],
    }


def _shown_aligned(comparison: Comparison, quantities: tuple[Quantity, ...]) -> list[AlignedStep | Gap]:
    """The aligned steps, of a long run above all those where the partings begin."""
    steps = align(comparison, quantities)
    apart = [number for number, step in enumerate(steps) if step.parts and not (number and steps[number - 1].parts)]
    return excerpt(steps, cap=_MOST_STEPS, keep=apart, around=2)


def _boxes(operands: tuple[OperandView, ...], mismatch: Mismatch | None) -> list[tuple[OperandView, list[object]]]:
    """Each operand with its dimensions as ``(name, size, clashes)``."""
    marked = zip(operands, clashing_dims(operands, mismatch), strict=True)
    return [
        (operand, [(_name(operand, dim), size, dim in mark) for dim, size in enumerate(operand.shape or ())])
        for operand, mark in marked
    ]


def _name(operand: OperandView, dim: int) -> str:
    return (operand.dims[dim] if dim < len(operand.dims) else "") or f"dim {dim}"


def _visible(value: object) -> object:
    """Control characters made visible in everything the templates print, but in their own text."""
    return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _prose(text: str) -> Markup:
    """A sentence whose parts between backticks are code."""
    parts = str(_visible(text)).split("`")
    if len(parts) % 2 == 0:  # an odd one: the text speaks of a backtick
        return escape("`".join(parts))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.globals.update(
        boxes=_boxes, format_range=format_range, marks=_MARKS, words=words, signs=SIGNS, picture_words=WORDS
    )
    environment.filters["groupby_runs"] = lambda cells: [(mark, len(list(run))) for mark, run in groupby(cells)]
    environment.filters["prose"] = _prose
    environment.tests["gap"] = lambda value: isinstance(value, Gap)
    return environment
