"""shapeguard: when shapes go wrong in PyTorch, the cause and the line.

Importing it loads neither torch nor transformers and patches nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from shapeguard.analysis import analyze
    from shapeguard.auditing import audit
    from shapeguard.errors import LossyConcatWarning, ShapeguardError, ShapeMismatchError
    from shapeguard.frontend import Guard, guard
    from shapeguard.reference.concat import safe_cat, safe_stack
    from shapeguard.values.findings import Finding, Report, Severity
    from shapeguard.values.recording import Recording
    from shapeguard.verifying import verify

_HOME = {
    "Finding": "shapeguard.values.findings",
    "Guard": "shapeguard.frontend",
    "LossyConcatWarning": "shapeguard.errors",
    "Recording": "shapeguard.values.recording",
    "Report": "shapeguard.values.findings",
    "Severity": "shapeguard.values.findings",
    "ShapeMismatchError": "shapeguard.errors",
    "ShapeguardError": "shapeguard.errors",
    "analyze": "shapeguard.analysis",
    "audit": "shapeguard.auditing",
    "guard": "shapeguard.frontend",
    "install": "shapeguard.installing",
    "safe_cat": "shapeguard.reference.concat",
    "safe_stack": "shapeguard.reference.concat",
    "uninstall": "shapeguard.installing",
    "verify": "shapeguard.verifying",
}

__all__ = [
    "Finding",
    "Guard",
    "LossyConcatWarning",
    "Recording",
    "Report",
    "Severity",
    "ShapeMismatchError",
    "ShapeguardError",
    "analyze",
    "audit",
    "guard",
    "install",
    "safe_cat",
    "safe_stack",
    "uninstall",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(_home(name), name)
    raise AttributeError(f"module 'shapeguard' has no attribute {name!r}")


def _home(name: str) -> Any:
    """The module a name lives in; without the libraries it needs, one line says so."""
    from shapeguard.needing import needing

    with needing(f"shapeguard.{name}"):
        return importlib.import_module(_HOME[name])


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
