"""THE TABLE of rules, by code. A rule is one file; its docstring is its page."""

from __future__ import annotations

import importlib
import pkgutil

from shapeguard.rules.base import Rule, rule_of

__all__ = ["RULES", "Rule", "by_code"]

RULES: tuple[Rule, ...] = tuple(
    rule_of(importlib.import_module(f"{__name__}.{name}"))
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__))
    if name.startswith("sg")
)


def by_code(code: str) -> Rule | None:
    """The rule of a code ("SG301", in any case) or of a name ("cache-batch-mismatch")."""
    wanted = code.strip().lower()
    return next((rule for rule in RULES if wanted in (rule.code.lower(), rule.name)), None)
