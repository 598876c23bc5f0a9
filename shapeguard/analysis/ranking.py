"""The order of findings: the first is the cause.

What explains the exception comes before what is only seen beside it; then how sure the rule is; then the family, as
RULES says: the cause lies nearer to the cache than to the op in which it shows. A symptom at the same place as a more
specific finding is told after it.
"""

from __future__ import annotations

from collections.abc import Iterable

from shapeguard.values.findings import Finding

_FAMILIES = "3417625"  # which family's word counts first


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """Most likely root cause first, each told once."""
    unique = {(f.code, f.location, f.failed_at): f for f in findings}
    return sorted(unique.values(), key=_key)


def _key(finding: Finding) -> tuple[bool, int, int, str, str, int]:
    family = finding.code[2:3]
    place = (finding.location.file, finding.location.line) if finding.location else ("", 0)
    return (
        finding.failed_at is None,
        finding.severity.rank,
        _FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES),
        finding.code,
        *place,
    )
