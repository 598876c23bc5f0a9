"""``shapeguard show``: a report or recording again, in any format. Needs no torch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from shapeguard.cli.files import write_new
from shapeguard.cli.say import put
from shapeguard.errors import UsageError

if TYPE_CHECKING:
    from shapeguard.values.findings import Report

SUMMARY = "Render a report or recording again, in any format; needs no torch."
FORMATS = ("terminal", "json", "markdown", "html", "trace")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="report.json, recording.jsonl, or a folder that holds them")
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        default="terminal",
        help=f"one of {', '.join(FORMATS)} (default: %(default)s)",
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write to this new file instead of stdout")


def main(options: Namespace) -> int:
    """Print the report, or write it to a file."""
    text = _render(report_of(options.file), options.format, to_terminal=options.out is None)
    text = text if text.endswith("\n") else text + "\n"
    if options.out is None:
        put(text)
        return 0
    write_new("--out", options.out, text)
    return 0


def report_of(file: Path) -> Report:
    """The report of a file; a recording is analyzed anew.

    Raises:
        FormatError: the file is neither a report nor a recording.
        UsageError: there is no such file, or the folder holds none.
    """
    from shapeguard.values.findings import Report
    from shapeguard.values.store import load, load_children

    if not file.exists():
        raise UsageError(f"{file}: no such file or folder")
    if file.is_dir():
        found = next((file / name for name in ("report.json", "recording.jsonl") if (file / name).exists()), None)
        if found is None:
            raise UsageError(f"{file}: the folder holds neither report.json nor recording.jsonl")
        file = found
    loaded = load(file)
    if isinstance(loaded, Report):
        return loaded
    from shapeguard.analysis import analyze

    return analyze(loaded, load_children(file))


def _render(report: Report, format: str, to_terminal: bool) -> str:
    if format == "terminal" and to_terminal:
        from shapeguard.render.terminal import render

        return render(report, color=sys.stdout.isatty())
    from shapeguard.render import FORMATS as RENDERERS

    return RENDERERS[format](report)
