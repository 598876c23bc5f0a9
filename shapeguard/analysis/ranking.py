"""The order of findings: the first is the cause.

What explains the exception comes before what is only seen beside it; then how sure the rule is; then the family, as
RULES says: the cause lies nearer to the cache than to the op in which it shows. A symptom at the same place as a more
specific finding is told after it.
"""

from __future__ import annotations

from collections.abc import Iterable

from shapeguard.values.findings import Finding, Severity

_FAMILIES = "3417625"  # which family's word counts first
_CAUSES, _SYMPTOMS = "341", "25"  # a clash of plain sizes is only the symptom where one of these explains it


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """Most likely root cause first, each told once."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:  # of two that say the same, the more severe
        known = unique.setdefault((finding.code, finding.location, finding.failed_at), finding)
        if finding.severity.rank < known.severity.rank:
            unique[finding.code, finding.location, finding.failed_at] = finding
    return sorted(_without_symptoms(list(unique.values())), key=_key)


def _without_symptoms(findings: list[Finding]) -> list[Finding]:
    """Leave out what tells the same failure in more general words than a finding about its cache, attention or batch."""
    explained = any(_explains(finding, _CAUSES) and finding.severity == Severity.ERROR for finding in findings)
    return [finding for finding in findings if not (explained and _explains(finding, _SYMPTOMS))]


def _explains(finding: Finding, families: str) -> bool:
    """Whether a finding of these families is about the exception that ended the run."""
    return finding.failed_at is not None and finding.code[2:3] in families


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
