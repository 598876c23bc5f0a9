"""``shapeguard show``: a report or recording again, in any format. Needs no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from shapeguard.errors import UsageError
from shapeguard.values.findings import Report
from shapeguard.values.store import load

_FORMATS = ("terminal", "json", "markdown", "html", "trace")


def show(
    file: Annotated[Path, typer.Argument(help="report.json, recording.jsonl, or a folder that holds them.")],
    format: Annotated[str, typer.Option("--format", "-f", metavar="|".join(_FORMATS))] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of stdout.")] = None,
) -> int:
    """Render a report or recording again."""
    if format not in _FORMATS:
        raise UsageError(f"--format: expected one of {', '.join(_FORMATS)}, got {format!r}")
    report = report_of(file)
    text = _render(report, format, to_terminal=out is None)
    if out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return 0
    if out.exists():
        raise UsageError(f"--out {out}: exists already; name another file or remove it")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror})") from None
    return 0


def report_of(file: Path) -> Report:
    """The report of a file; a recording is analyzed anew.

    Raises:
        FormatError: the file is neither a report nor a recording.
        UsageError: there is no such file, or the folder holds none.
    """
    if file.is_dir():
        file = next((file / name for name in ("report.json", "recording.jsonl") if (file / name).exists()), file)
    if not file.exists():
        raise UsageError(f"{file}: no such file")
    if file.is_dir():
        raise UsageError(f"{file}: the folder holds neither report.json nor recording.jsonl")
    loaded = load(file)
    if isinstance(loaded, Report):
        return loaded
    from shapeguard.analysis import analyze

    return analyze(loaded)


def _render(report: Report, format: str, to_terminal: bool) -> str:
    if format == "terminal" and to_terminal:
        from shapeguard.render.terminal import render

        return render(report, color=sys.stdout.isatty())
    from shapeguard.render import FORMATS

    return FORMATS[format](report)
