"""What the commands print: the result of a command on stdout, everything else on stderr."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapeguard.output import OutDir
    from shapeguard.values.findings import Report


def say(text: str) -> None:
    """One line of ours, on stderr."""
    if sys.stderr is not None:
        print(f"shapeguard: {text}", file=sys.stderr)


def put(text: str) -> None:
    """The result a command was asked for, on stdout; what its encoding lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))


def show_answer(report: Report, folder: OutDir | None) -> None:
    """The panel after a run, and where the whole report lies."""
    from shapeguard.render.terminal import render

    if sys.stderr is None:
        return
    color = sys.stderr.isatty()
    width = max(60, min(shutil.get_terminal_size((80, 24)).columns, 120)) if color else 80
    sys.stderr.write(render(report, width=width, color=color))
    if folder is not None:
        say(folder.told)
    sys.stderr.flush()
