"""The answer on a terminal: readable at 80 columns, without colour, and through a pipe."""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
from rich.box import HORIZONTALS
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from shapeguard.render.picture import SIGNS, WORDS, draw, notes
from shapeguard.render.terminal_operands import operand_lines
from shapeguard.render.verified import row_lines, summary_lines, verdict
from shapeguard.render.words import (
    change_text,
    clean,
    cut,
    dedent,
    edit_lines,
    edit_place,
    mismatch_text,
    one_line,
    outcome_text,
    place,
    short_place,
    title,
)
from shapeguard.values.findings import Edit, Finding, Fix, LineageStep, Location, Mismatch, OperandView, Report
from shapeguard.values.pipeline import BatchPicture
from shapeguard.values.verification import Verification

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_FRAME = 4  # columns that the panel takes
_INDENT = 2
_MOST_STEPS = 7
_MOST_FOLDED = 8
_MOST_NOTES = 3
_LONGEST_MESSAGE = 700

Block = Text | Padding


def render(report: Report, *, width: int = 80, color: bool = False) -> str:
    """The report's answer as a panel of at most ``width`` columns; a run without shapes to speak of is one line."""
    console = _console(width, color)
    if report.findings or report.operands or report.batch is not None or report.verification is not None:
        body = Group(*_parts(report, width - _FRAME))
        console.print(Panel(body, box=HORIZONTALS, title=Text("shapeguard", "bold"), title_align="left", width=width))
    else:
        console.print(_flowing(f"shapeguard: {_nothing_found(report)}"))
    for note in report.run.notes[:_MOST_NOTES]:
        console.print(Text(f"shapeguard: {one_line(note, 300)}", style="dim"))
    # Rich fills lines with spaces, which nobody wants to copy.
    return "".join(f"{line.rstrip()}\n" for line in _written(console).splitlines())


def _nothing_found(report: Report) -> str:
    """A missing file or a name that is not there has its traceback on the screen; a panel would only repeat it."""
    if report.exception is None:
        return f"{outcome_text(report)}, no findings"
    where = f" at {clean(short_place(report.failed_at))}" if report.failed_at is not None else ""
    why = (
        "an assertion of the program's own"
        if report.exception.type == "AssertionError"
        else "where no shapes are in play"
    )
    return f"{outcome_text(report)}{where}, {why}; no findings"


def _console(width: int, color: bool) -> Console:
    """A console that asks nothing of its surroundings: the same text in CI, in a pipe and on a terminal."""
    return Console(
        file=io.StringIO(),
        width=width,
        height=1000,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )


def _written(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def _parts(report: Report, width: int) -> Iterator[Block]:
    if report.findings:
        yield from _answer(report.findings[0], width)
        yield from _folded(report.findings[1:], told=report.run.level == "audit")
    elif report.exception is not None:
        yield from _unexplained(report, width)
    elif report.verification is None:
        yield Text("no findings", style="bold")
    if report.batch is not None:
        yield from _batch(report.batch, width)
    if report.verification is not None:
        yield from _verified(report.verification, spaced=bool(report.findings or report.exception))
    yield from _beside_the_reference(report)


def _answer(finding: Finding, width: int) -> Iterator[Block]:
    severity = finding.severity.value
    yield Text.assemble((f"{finding.code} {finding.name}", "bold"), " · ", (severity, _STYLES[severity]))
    yield _flowing(cut(finding.message, _LONGEST_MESSAGE))
    if finding.location is not None or finding.failed_at is not None:
        yield Text()
    if finding.location is not None:
        yield from _line_of_code("where to change", finding.location, width)
    if finding.failed_at is not None and finding.failed_at != finding.location:
        yield from _line_of_code("failed at", finding.failed_at, width)
    yield from _operands(finding.operands, finding.mismatch, width)
    yield from _lineage(finding.lineage)
    if finding.fix is not None:
        yield from _fix(finding.fix)


def _unexplained(report: Report, width: int) -> Iterator[Block]:
    """What is known of a crash whose cause no rule names: the failing expression and its operands."""
    assert report.exception is not None
    yield Text.assemble((clean(report.exception.type), "bold"), " · no known root cause")
    yield _flowing(cut(report.exception.message, _LONGEST_MESSAGE))
    if report.failed_at is not None:
        yield Text()
        yield from _line_of_code("failed at", report.failed_at, width)
    yield from _operands(report.operands, None, width)


def _flowing(text: str, style: str = "", indent: int = 0) -> Padding:
    """Text that wraps under itself, however far it is indented; words too long for a line are broken, not lost."""
    return Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, indent))


def _line_of_code(label: str, location: Location, width: int) -> Iterator[Block]:
    path = clean(_near(place(location)))
    if len(label) + 2 + len(path) > width:
        path = "\n" + _broken(path, width)
    where = Text.assemble((f"{label}  ", "bold"), (path, "cyan"), overflow="fold")
    if location.function and location.function != "<module>":
        where.append(f" in {clean(location.function)}")
    yield where
    for line in dedent(location.source)[:4]:
        yield _flowing(line, indent=_INDENT)


def _broken(path: str, width: int) -> str:
    """A path too long for a line in several lines, each of which ends at a folder."""
    lines = [""]
    for part in re.findall(r"[^/\\]*[/\\]?", path):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _near(path: str) -> str:
    """A path as it is written from the working directory, where it lies in there."""
    try:
        folder = os.path.join(os.getcwd(), "")
    except OSError:  # the program has removed it
        return path
    return path.removeprefix(folder)


def _operands(operands: Sequence[OperandView], mismatch: Mismatch | None, width: int) -> Iterator[Block]:
    if operands:
        yield Text()
        yield Text("operands", style="bold")
        for line in operand_lines(operands, mismatch, width - _INDENT):
            yield Padding(line, (0, 0, 0, _INDENT))
    if mismatch is not None:
        yield _flowing(f"clash in {mismatch_text(mismatch, operands)}", indent=_INDENT)


def _lineage(steps: Sequence[LineageStep]) -> Iterator[Block]:
    """The path of the odd size, oldest first; of a long one the middle is left out."""
    if not steps:
        return
    yield Text()
    yield Text("where the size is from, oldest first", style="bold")
    left_out = max(0, len(steps) - _MOST_STEPS)
    places = max(len(short_place(step)) for step in steps)
    ops = max(len(step.op) for step in steps)
    for number, step in enumerate(steps):
        if left_out and number == 1:
            yield _flowing(f"… {left_out} more in report.json …", style="dim", indent=_INDENT)
        if 1 <= number <= left_out:
            continue
        line = f"{short_place(step).ljust(min(places, 30))}  {step.op.ljust(min(ops, 24))}  {change_text(step)}"
        yield _flowing(clean(line).rstrip(), indent=_INDENT)


def _fix(fix: Fix) -> Iterator[Block]:
    yield Text()
    yield Text.assemble(("fix  ", "bold"), cut(fix.summary, _LONGEST_MESSAGE), overflow="fold")
    for edit in fix.edits[:4]:
        yield from _edit(edit)


def _edit(edit: Edit) -> Iterator[Block]:
    near = msgspec.structs.replace(edit, file=_near(edit.file))
    yield _flowing(clean(edit_place(near)), style="cyan", indent=_INDENT)
    for sign, line in edit_lines(edit)[:12]:
        yield _flowing(f"{sign} {line}", style="green" if sign == "+" else "red", indent=_INDENT)


def _folded(findings: Sequence[Finding], told: bool = False) -> Iterator[Block]:
    """The findings behind the first, one line each; ``told`` with their messages, where each is a matter of its own."""
    if findings:
        yield Text()
        yield Text("also found", style="bold")
    times = Counter(map(_headline, findings))
    first = {_headline(finding): finding for finding in reversed(findings)}
    shown = findings if told else [first[line] for line in times]  # the same at one line again is counted, not repeated
    for finding in shown[:_MOST_FOLDED]:
        line = _headline(finding)
        again = f", {times[line]} times" if times[line] > 1 and not told else ""
        yield _flowing(f"{line}{again}", indent=_INDENT)
        if told:
            yield _flowing(cut(finding.message, _LONGEST_MESSAGE), indent=2 * _INDENT)
    if len(shown) > _MOST_FOLDED:
        yield _flowing(f"… and {len(shown) - _MOST_FOLDED} more in report.json", indent=_INDENT)


def _headline(finding: Finding) -> str:
    where = f"  {clean(short_place(finding.location))}" if finding.location is not None else ""
    return f"{title(finding)}{where}"


def _batch(picture: BatchPicture, width: int) -> Iterator[Block]:
    """The batch as a picture, with the real length of each row before it."""
    lengths = max((len(str(row.length)) for row in picture.rows), default=1)
    drawing = draw(picture, width - lengths - 2 * _INDENT)
    yield Text()
    yield Text.assemble(
        ("the batch", "bold"), "  " + ", ".join(f"{SIGNS[mark]} {WORDS[mark]}" for mark in drawing.marks)
    )
    for row in drawing.rows:
        yield Padding(Text(f"{row.length:>{lengths}}  {row.text}"), (0, 0, 0, _INDENT))
    for note in notes(drawing):
        yield _flowing(note, style="dim", indent=_INDENT)


def _verified(verification: Verification, spaced: bool) -> Iterator[Block]:
    """The batch against its rows: a line for each, what was tried, the verdict."""
    if spaced:
        yield Text()
    yield Text(one_line(verdict(verification)), style="bold green" if verification.passed else "bold red")
    for line in row_lines(verification):
        yield _flowing(line, indent=_INDENT)
    for line in summary_lines(verification):
        yield _flowing(line)


def _beside_the_reference(report: Report) -> Iterator[Block]:
    if report.comparison is None or not report.comparison.partings:
        return
    yield Text()
    yield Text("beside the reference run", style="bold")
    for parting in report.comparison.partings[:5]:
        said = f"step {parting.step}: {parting.what} {parting.left} here, {parting.right} there"
        yield _flowing(one_line(said), indent=_INDENT)
