"""``shapeguard rules``: the root causes shapeguard knows, and the page of one."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from shapeguard.cli.say import put
from shapeguard.errors import UsageError

if TYPE_CHECKING:
    from shapeguard.rules import Rule

SUMMARY = "List the root causes, or explain one."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", help="a code or a name, such as SG301 or cache-batch-mismatch")


def main(options: Namespace) -> int:
    """Print the list or the page."""
    from shapeguard.rules import RULES

    if options.code is None:
        put("".join(f"{rule.code}  {rule.name:<28} {rule.summary}\n" for rule in RULES))
        return 0
    page = f"# {_rule(options.code).page}\n"
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        put(page)
    return 0


def _rule(code: str) -> Rule:
    from shapeguard.rules import RULES, by_code

    rule = by_code(code)
    if rule is not None:
        return rule
    from difflib import get_close_matches

    family = [rule.code for rule in RULES if rule.code[:3] == code.upper()[:3]]  # codes of all families are alike
    close = get_close_matches(code.upper(), family, 1) or get_close_matches(
        code.lower(), [rule.name for rule in RULES], 1
    )
    hint = f"did you mean {close[0]}?" if close else "`shapeguard rules` lists them"
    raise UsageError(f"no rule is called {code!r}; {hint}")
