"""The Report of a run: rules asked, findings ranked, rows and steps told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from shapeguard.analysis.children import join, processes
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.preflight.door import at_the_door
from shapeguard.analysis.ranking import rank
from shapeguard.analysis.run import Run
from shapeguard.analysis.steps import decoding_steps
from shapeguard.values.findings import CallRow, Finding, Location, OperandView, Report, RunInfo, ShapeRange
from shapeguard.values.recording import Recording, Row, TensorArg


def analyze(recording: Recording, children: Iterable[Recording] = ()) -> Report:
    """Explain a recording, and those of its child processes with it.

    Never raises for a recording that could be read: a rule that breaks is a note of the report.
    """
    runs = processes(recording, children)
    return join(runs, [_explain(run) for run in runs])


def _explain(run: Run) -> Report:
    """One process by itself."""
    recording = run.recording
    findings, notes = _ask_rules(run)
    footer = recording.footer
    return Report(
        outcome=recording.outcome,
        exception=run.failure.exception if run.failure is not None and recording.outcome == "crashed" else None,
        environment=recording.header.environment,
        findings=tuple(_shown(run, finding) for finding in rank(findings)),
        failed_at=run.failed_at,
        operands=_operands(run),
        run=RunInfo(
            argv=recording.header.argv,
            level=recording.header.level,
            seconds=round(footer.seconds, 3) if footer else 0.0,
            events=footer.events if footer else sum(row.count for row in run.recorded),
            rows=len(run.recorded),
            notes=(*recording.notes, *notes),
        ),
        steps=tuple(decoding_steps(run)),
        calls=tuple(_call(run, row) for row in run.recorded),
    )


def _shown(run: Run, finding: Finding) -> Finding:
    """The finding with its places on their very lines; up to here a statement is one place."""
    return msgspec.structs.replace(
        finding,
        location=_line(run, finding.location),
        failed_at=_line(run, finding.failed_at),
        operands=_operands_shown(run, finding.operands),
    )


def _line(run: Run, place: Location | None) -> Location | None:
    return run.shown(place) if place is not None else None


def _operands_shown(run: Run, operands: Iterable[OperandView]) -> tuple[OperandView, ...]:
    return tuple(msgspec.structs.replace(view, origin=_line(run, view.origin)) for view in operands)


def _ask_rules(run: Run) -> tuple[list[Finding], list[str]]:
    from shapeguard.rules import RULES

    findings: list[Finding] = []
    notes: list[str] = []
    for rule in RULES:
        try:
            findings += rule.check(run)
        except Exception as trouble:  # one rule's trouble must not cost the answer of another
            notes.append(f"{rule.code} could not be asked: {type(trouble).__name__}: {trouble}")
    try:
        findings += at_the_door(run, {finding.code for finding in findings})
    except Exception as trouble:
        notes.append(f"the checks before a generation could not be asked: {type(trouble).__name__}: {trouble}")
    return findings, notes


def _operands(run: Run) -> tuple[OperandView, ...]:
    if run.failure is None:
        return ()
    try:
        failed = failed_op(run)
        if failed is not None:
            return _operands_shown(run, failed.views(run))
        frame = run.user_frame or run.inner_frame
        views = (run.operand(value) for value in frame.operands if value.shape is not None) if frame else ()
        return _operands_shown(run, views)
    except Exception:  # the operands are shown beside the answer, which must come without them
        return ()


def _call(run: Run, row: Row) -> CallRow:
    return CallRow(
        row.id,
        row.op,
        row.kind,
        row.count,
        run.line(row),
        row.module,
        tuple(map(_range, row.inputs)),
        tuple(map(_range, row.outputs)),
        row.error,
        row.args,
    )


def _range(tensor: TensorArg) -> ShapeRange:
    return ShapeRange(tensor.label, tensor.first, tensor.last, tensor.dtype, tensor.device)
