"""``shapeguard rules``: the root causes shapeguard knows, and the page of one."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from shapeguard.errors import UsageError
from shapeguard.rules import RULES, by_code


def rules(code: Annotated[str | None, typer.Argument(help="A code or a name, such as SG301.")] = None) -> int:
    """List the root causes, or explain one."""
    if code is None:
        for rule in RULES:
            print(f"{rule.code}  {rule.name:<28} {rule.summary}")
        return 0
    rule = by_code(code)
    if rule is None:
        known = [word for rule in RULES for word in (rule.code, rule.name)]
        close = get_close_matches(code.upper(), known, 1) or get_close_matches(code.lower(), known, 1)
        hint = f"; did you mean {close[0]}?" if close else "; `shapeguard rules` lists them"
        raise UsageError(f"no rule is called {code!r}{hint}")
    page = f"# {rule.page}\n"
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        sys.stdout.write(page)
    return 0
