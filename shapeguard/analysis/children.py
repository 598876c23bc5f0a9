"""A run and its child processes told as one: what failed in a child comes first where the parent only passed it on.

Every process is a :class:`Run` of its own; rules see one at a time, and the others by ``run.processes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

import msgspec

from shapeguard.analysis.ranking import rank
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Location, Report, Severity
from shapeguard.values.recording import Failure, Recording

# Exceptions that say no more than that another process has failed.
_PASSED_ON = frozenset({"ProcessRaisedException", "ProcessExitedException", "BrokenProcessPool", "ChildFailedError"})
_WORKER = re.compile(r"Caught \w+ in |DataLoader worker \(pid")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)', re.MULTILINE)
_NOT_THE_USERS = re.compile(r"[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python\d|^<frozen")


def processes(recording: Recording, children: Iterable[Recording]) -> list[Run]:
    """The run and its children, which know of each other; the run itself is the first."""
    parent = Run(recording)
    runs = [parent, *(Run(_with_one_failure(child, parent.failure)) for child in children)]
    for run in runs:
        run.processes = tuple(runs)
    return runs


def join(runs: list[Run], reports: list[Report]) -> Report:
    """One report of all processes: the parent's, with what its children have to say."""
    parent, report = runs[0], reports[0]
    if len(runs) == 1:
        return _placed_by_text(parent, report)
    told = [i for i in range(1, len(runs)) if _tells_of(parent.failure, runs[i].failure)]
    passed_on = parent.failure is not None and (bool(told) or is_passed_on(parent.failure))
    findings = [*_ordered(runs, reports, told, passed_on)]
    notes = dict.fromkeys(note for one in reports for note in one.run.notes)
    report = msgspec.structs.replace(
        report, findings=tuple(_once(findings)), run=msgspec.structs.replace(report.run, notes=tuple(notes))
    )
    if passed_on and told:
        child = next((reports[i] for i in [*told, *range(1, len(runs))] if _explains(reports[i])), reports[told[0]])
        return msgspec.structs.replace(report, failed_at=child.failed_at, operands=child.operands)
    return _placed_by_text(parent, report)


def _explains(report: Report) -> bool:
    return any(finding.failed_at is not None for finding in report.findings)


def is_passed_on(failure: Failure) -> bool:
    """Whether an exception was first raised in another process or worker."""
    return failure.exception.type in _PASSED_ON or bool(failure.remote or _WORKER.match(failure.exception.message))


def name_of(run: Run) -> str:
    """What a child process is called: ``SpawnProcess-1, rank 0``."""
    header = run.recording.header
    name = header.process or f"process {header.pid}"
    number = rank_of(run)
    return name if number is None else f"{name}, rank {number}"


def rank_of(run: Run) -> int | None:
    """The rank of a process, by its collectives in the group of all."""
    ranks = (row.args.get("rank") for row in run.of_kind("collective") if "group" not in row.args)
    return next((number for number in ranks if isinstance(number, int)), None)


def _with_one_failure(child: Recording, parents: Failure | None) -> Recording:
    """A child with the failure that the parent tells of, where it had several: a worker hands over one after another."""
    if len(child.failures) < 2:
        return child
    told = next((failure for failure in child.failures if _tells_of(parents, failure)), child.failures[-1])
    return msgspec.structs.replace(child, failures=[told])


def _tells_of(parents: Failure | None, childs: Failure | None) -> bool:
    """Whether the parent's exception is the child's, sent over as text or as an object."""
    if parents is None or childs is None:
        return False
    if not is_passed_on(parents) and parents.exception.type != childs.exception.type:
        return False
    told = "\n".join([parents.exception.message, parents.remote, *(cause.message for cause in parents.causes)])
    lines = childs.exception.message.strip().splitlines()
    return lines[0] in told if lines else childs.exception.type in told


def _ordered(runs: list[Run], reports: list[Report], told: list[int], passed_on: bool) -> Iterator[Finding]:
    """What explains the exception of the parent, then other failures, then what is only seen."""
    parent = runs[0]
    failed = {i: [f for f in reports[i].findings if f.failed_at is not None] for i in range(len(runs))}
    for i in told:
        if (
            not failed[i] and runs[i].user_frame is None
        ):  # a worker that failed in library code only: on behalf of this line
            errors = [f for f in reports[i].findings if f.severity == Severity.ERROR]
            failed[i] = [msgspec.structs.replace(f, failed_at=parent.failed_at) for f in errors]
    rest = [i for i in range(1, len(runs)) if i not in told]
    children = [_of_child(runs[i], f, parent) for i in told for f in failed[i]]
    others = [_of_child(runs[i], f, parent) for i in rest for f in failed[i]]
    if parent.failure is not None and not passed_on:
        yield from [*failed[0], *rank(children + others)]
    else:
        known = {finding.code for finding in children}  # the parent only says again what its child has failed of
        yield from [*rank(children), *rank(others), *(finding for finding in failed[0] if finding.code not in known)]
    seen = {(f.code, f.location) for f in (*reports[0].findings, *(f for i in told for f in failed[i]))}
    silent = [f for f in reports[0].findings if f.failed_at is None]
    for i in range(1, len(runs)):
        new = [f for f in reports[i].findings if f.failed_at is None and (f.code, f.location) not in seen]
        silent += [_of_child(runs[i], f, parent) for f in new]
    yield from rank(silent)


def _of_child(run: Run, finding: Finding, parent: Run) -> Finding:
    """A child's finding, with its process named; a failure that the program went on from is a warning."""
    handled = run.failure is not None and run.recording.outcome != "crashed" and parent.recording.outcome == "completed"
    severity = finding.severity
    if handled and finding.failed_at is not None and severity == Severity.ERROR:
        severity = Severity.WARNING
    return msgspec.structs.replace(finding, severity=severity, message=f"In {name_of(run)}: {finding.message}")


def _once(findings: list[Finding]) -> list[Finding]:
    """Ranks fail alike: a cause is told once."""
    first: dict[object, Finding] = {}
    for finding in findings:
        first.setdefault((finding.code, finding.location, finding.failed_at), finding)
    return list(first.values())


def _placed_by_text(run: Run, report: Report) -> Report:
    """A passed-on exception whose child left no recording: the place is in its text."""
    if run.failure is None or not is_passed_on(run.failure):
        return report
    place = _place_in_text(run, run.failure)
    if place is None:
        return report
    findings = (
        msgspec.structs.replace(f, failed_at=place) if f.failed_at == report.failed_at else f for f in report.findings
    )
    return msgspec.structs.replace(report, failed_at=place, findings=tuple(findings))


def _place_in_text(run: Run, failure: Failure) -> Location | None:
    """The innermost line of the user's own code in a traceback that came as text."""
    text = failure.remote or failure.exception.message
    for found in reversed(list(_FRAME.finditer(text))):
        file = found["file"]
        if file in run.recording.sources or not _NOT_THE_USERS.search(str(PurePath(file))):
            line = int(found["line"])
            return Location(file, line, found["function"], run.sources[file].line(line))
    return None
