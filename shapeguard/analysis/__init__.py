"""From a Recording to a Report. Pure functions; never imports capture or torch."""

from __future__ import annotations

from shapeguard.analysis.report import analyze

__all__ = ["analyze"]
