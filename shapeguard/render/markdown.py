"""The report for a bug report: GitHub flavoured Markdown, short enough to paste. Prompts and outputs are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from shapeguard.render.clash import clashing_dims
from shapeguard.render.excerpt import Gap, excerpt
from shapeguard.render.verified import summary_lines, table, verdict
from shapeguard.render.words import (
    NONE,
    change_text,
    clean,
    cut,
    dedent,
    dtype_text,
    edit_lines,
    edit_place,
    mismatch_text,
    more_rows,
    one_line,
    operand_name,
    outcome_text,
    place,
    shape_text,
    short_place,
    title,
)
from shapeguard.values.findings import (
    CallRow,
    Comparison,
    Finding,
    Fix,
    LineageStep,
    Location,
    Mismatch,
    OperandView,
    Report,
    ShapeRange,
    StepRow,
)
from shapeguard.values.shapes import format_range
from shapeguard.values.verification import Verification

_MOST_STEPS = 24
_MOST_CALLS = 30
# A backslash before these keeps a message from becoming markup or an HTML tag; an underscore inside a word is harmless.
_MARKUP = re.compile(r"([\\`*{}\[\]<>#|~$&]|(?<!\w)_|_(?!\w))")
_CODE_SPAN = re.compile(r"(?<!`)(`[^`\n]+`)(?!`)")
_BARE_PIPE = re.compile(r"(?<!\\)\|")  # inside code too: GitHub splits a row into cells first


def render(report: Report) -> str:
    """The whole report; steps and calls are folded away and shortened."""
    return "\n".join(_document(report)).rstrip() + "\n"


def _document(report: Report) -> Iterator[str]:
    first = report.findings[0] if report.findings else None
    yield f"## shapeguard: {_prose(title(first) if first else _untitled(report))}\n"
    if report.exception is not None:
        yield from _fenced(f"{report.exception.type}: {cut(report.exception.message, 2000)}")
    if first is not None:
        yield from _finding(first)
    else:
        yield from _place_lines("Failed at", report.failed_at)
        yield from _operands(report.operands, None)
    yield from _others(report.findings[1:])
    if report.verification is not None:
        yield from _verified(report.verification)
    if report.comparison is not None:
        yield from _partings(report.comparison)
    yield from _steps(report.steps)
    yield from _calls(report.calls)
    yield from _environment(report)


def _untitled(report: Report) -> str:
    if report.verification is not None and report.exception is None:
        return verdict(report.verification)
    return f"{outcome_text(report)}, {'no findings' if report.exception is None else 'no known root cause'}"


def _verified(verification: Verification) -> Iterator[str]:
    yield f"**{_prose(verdict(verification))}**\n"
    if verification.rows:
        header, rows = table(verification)
        rows = [[*map(_prose, row)] for row in rows[:_MOST_CALLS]]
        yield from _table([*map(_prose, header)], rows)
    for line in summary_lines(verification):
        yield f"- {_prose(line)}"
    yield ""


def _finding(finding: Finding) -> Iterator[str]:
    yield _prose(finding.message) + "\n"
    yield from _place_lines("Where to change", finding.location)
    if finding.failed_at != finding.location:
        yield from _place_lines("Failed at", finding.failed_at)
    yield from _operands(finding.operands, finding.mismatch)
    yield from _lineage(finding.lineage)
    if finding.fix is not None:
        yield from _fix(finding.fix)


def _place_lines(label: str, location: Location | None) -> Iterator[str]:
    if location is None:
        return
    function = f" in {code(location.function)}" if location.function and location.function != "<module>" else ""
    yield f"**{label}:** {code(place(location))}{function}\n"
    if lines := dedent(location.source):
        yield from _fenced("\n".join(lines), "python")


def _operands(operands: Sequence[OperandView], mismatch: Mismatch | None) -> Iterator[str]:
    if operands:
        yield "**Operands**\n"
        marks = clashing_dims(operands, mismatch)
        yield from _table(("operand", "shape", "dtype, device", "made at"), map(_operand_cells, operands, marks))
    if mismatch is not None:
        yield f"Clash in {_prose(mismatch_text(mismatch, operands))}.\n"


def _operand_cells(operand: OperandView, mark: frozenset[int]) -> tuple[str, ...]:
    made = code(short_place(operand.origin)) if operand.origin is not None else ""
    return code(operand_name(operand)), _shape(operand, mark), _prose(dtype_text(operand)), made


def _shape(operand: OperandView, mark: frozenset[int]) -> str:
    """``(**batch 4**, kv\\_heads 2)``: the clashing size in bold."""
    if operand.shape is None:
        return "no tensor"
    names = operand.dims if len(operand.dims) == len(operand.shape) else ("",) * len(operand.shape)
    sizes = [_prose(f"{name} {size}".strip()) for name, size in zip(names, operand.shape, strict=True)]
    return "(" + ", ".join(f"**{text}**" if dim in mark else text for dim, text in enumerate(sizes)) + ")"


def _lineage(steps: Sequence[LineageStep]) -> Iterator[str]:
    if steps:
        yield "**Where the size is from**, oldest first\n"
        for number, step in enumerate(steps, start=1):
            source = f" {code(one_line(step.source, 160))}" if step.source else ""
            yield f"{number}. {code(short_place(step))} {_prose(step.op)} {_prose(change_text(step))}{source}"
        yield ""


def _fix(fix: Fix) -> Iterator[str]:
    yield f"**Fix:** {_prose(fix.summary)}\n"
    for edit in fix.edits:
        lines = [f"{sign} {line}".rstrip() for sign, line in edit_lines(edit)]
        yield from _fenced("\n".join([f"@@ {clean(edit_place(edit))} @@", *lines]), "diff")


def _others(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield "**Also found**\n"
        for finding in findings:
            where = f" at {code(place(finding.location))}" if finding.location is not None else ""
            yield f"- {_prose(title(finding))}{where}: {_prose(finding.message)}"
        yield ""


def _partings(comparison: Comparison) -> Iterator[str]:
    yield "**Beside the reference run**\n"
    if not comparison.partings:
        yield "The two runs agree in every step that both have.\n"
        return
    header = ("step", "what", _prose(comparison.left.title), _prose(comparison.right.title))
    rows = ((str(p.step), _prose(p.what), _prose(p.left), _prose(p.right)) for p in comparison.partings[:_MOST_STEPS])
    yield from _table(header, rows)


def _steps(steps: Sequence[StepRow]) -> Iterator[str]:
    if not steps:
        return
    apart = [position for position, step in enumerate(steps) if not step.agrees]
    header = ("step", "input_ids", "mask", "positions", "cache rows", "cache length", "keys", "agrees")
    rows = [_step_cells(item) for item in excerpt(steps, cap=_MOST_STEPS, keep=apart)]
    yield from _folded(f"Steps ({len(steps):,})", _table(header, rows))


def _step_cells(step: StepRow | Gap) -> tuple[str, ...]:
    if isinstance(step, Gap):
        return ("…", more_rows(step.left_out), *[""] * 6)
    shapes = [shape_text(shape) for shape in (step.input_ids, step.mask, step.positions)]
    cache = [NONE if size is None else str(size) for size in (step.cache_rows, step.cache_length)]
    verdict = "yes" if step.agrees else f"**no** {_prose(step.remark)}".strip()
    return (str(step.step), *shapes, *cache, shape_text(step.keys), verdict)


def _calls(calls: Sequence[CallRow]) -> Iterator[str]:
    if not calls:
        return
    failed = [position for position, call in enumerate(calls) if call.error]
    header = ("what", "at", "times", "in", "out")
    rows = [_call_cells(item) for item in excerpt(calls, cap=_MOST_CALLS, keep=failed)]
    yield from _folded(f"Calls ({len(calls):,})", _table(header, rows))


def _call_cells(call: CallRow | Gap) -> tuple[str, ...]:
    if isinstance(call, Gap):
        return ("…", more_rows(call.left_out), "", "", "")
    where = code(call.module or (short_place(call.location) if call.location is not None else ""))
    failed = " **failed**" if call.error else ""
    return f"{_prose(call.op)}{failed}", where, f"{call.count:,}", _ranges(call.inputs), _ranges(call.outputs)


def _ranges(tensors: Sequence[ShapeRange]) -> str:
    return ", ".join(f"{_prose(t.label)} {format_range(t.first, t.last)}".strip() for t in tensors)


def _environment(report: Report) -> Iterator[str]:
    entries = {**report.environment, "outcome": report.outcome, "level": report.run.level}
    if report.run.argv:
        entries = {"command": " ".join(report.run.argv), **entries}
    yield "**Environment**\n"
    yield from _table(("", ""), ((_prose(name), code(value)) for name, value in entries.items()))
    for note in report.run.notes[:10]:
        yield f"- {_prose(note)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A pipe table; the cells are one line each, and the pipes in them are escaped."""
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        cells = [_BARE_PIPE.sub(r"\\|", cell) for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>\n"
    yield from lines
    yield "</details>\n"


def _fenced(text: str, language: str = "") -> Iterator[str]:
    """A code block whose fence is longer than any run of backticks in it."""
    text = clean(text)
    fence = "`" * max(3, _longest_backticks(text) + 1)
    yield f"{fence}{language}\n{text}\n{fence}\n"


def code(text: str) -> str:
    """Inline code that survives backticks."""
    text = one_line(text)
    if not text:
        return ""
    fence = "`" * (_longest_backticks(text) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def _longest_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _prose(text: str) -> str:
    """Text on one line: what stands in backticks as code, everything else that would be read as markup escaped."""
    parts = _CODE_SPAN.split(one_line(text))
    return "".join(code(part[1:-1]) if index % 2 else _MARKUP.sub(r"\\\1", part) for index, part in enumerate(parts))
