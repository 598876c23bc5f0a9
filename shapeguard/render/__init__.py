"""Pure functions from a Report to text; rich and jinja2 are loaded by the first call that needs them."""

from __future__ import annotations

from collections.abc import Callable

from shapeguard.values.findings import Report


def _terminal(report: Report) -> str:
    from shapeguard.render.terminal import render

    return render(report)


def _json(report: Report) -> str:
    return report.to_json().decode()


def _markdown(report: Report) -> str:
    from shapeguard.render.markdown import render

    return render(report)


def _html(report: Report) -> str:
    from shapeguard.render.html import render

    return render(report)


def _trace(report: Report) -> str:
    from shapeguard.render.chrome_trace import render

    return render(report)


# The formats by the names the command line knows them by.
FORMATS: dict[str, Callable[[Report], str]] = {
    "terminal": _terminal,
    "json": _json,
    "markdown": _markdown,
    "html": _html,
    "trace": _trace,
}
