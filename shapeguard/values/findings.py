"""Finding and Report: the answer, as values. ``report.json`` is the JSON form of Report, field for field."""

from __future__ import annotations

from enum import Enum
from typing import Literal

import msgspec

from shapeguard.values.pipeline import BatchPicture
from shapeguard.values.verification import Verification

REPORT_SCHEMA = "shapeguard.report/1"

Outcome = Literal["crashed", "completed", "interrupted"]
MismatchKind = Literal["dim", "rank", "numel", "index", "count", "divides"]


class Severity(str, Enum):
    """How sure a rule is. Compares equal to its text: ``finding.severity == "error"``."""

    ERROR = "error"  # this is why the run failed, or the output is wrong
    WARNING = "warning"  # likely wrong
    NOTE = "note"  # worth knowing

    def __str__(self) -> str:
        return self.value

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return ("error", "warning", "note").index(self.value)


class Location(msgspec.Struct, frozen=True):
    """A line of a file; ``line`` counts from 1, ``source`` is the statement's text ("" with ``--no-source``)."""

    file: str
    line: int
    function: str = ""
    source: str = ""

    def __str__(self) -> str:
        """``script.py:70``, as editors and terminals open it."""
        return f"{self.file}:{self.line}"


class OperandView(msgspec.Struct, frozen=True):
    """One tensor that took part: its name in the user's code, its shape, what its sizes mean, where it was made."""

    label: str
    expression: str = ""
    shape: tuple[int, ...] | None = None
    dims: tuple[str, ...] = ()
    dtype: str = ""
    device: str = ""
    origin: Location | None = None
    clashing: int | None = None  # the dimension of it that clashes, from 0, where it is known


class Mismatch(msgspec.Struct, frozen=True):
    """The sizes that do not fit. ``dim`` counts from 0; None where the clash is not one of a single dimension."""

    kind: MismatchKind
    sizes: tuple[int, ...]
    dim: int | None = None


class LineageStep(msgspec.Struct, frozen=True):
    """One step in the life of a size, oldest first: the op at this line took ``before`` and gave ``after``."""

    file: str
    line: int
    source: str
    op: str
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


class Edit(msgspec.Struct, frozen=True):
    """A mechanical edit: in ``file`` at ``line`` the text ``old`` becomes ``new`` (``old`` empty: insert after)."""

    file: str
    line: int
    old: str
    new: str


class Fix(msgspec.Struct, frozen=True):
    """What to change, in a sentence in the user's own names, and the edit itself where it is mechanical."""

    summary: str
    edits: tuple[Edit, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One root cause. The first finding of a report is the answer."""

    code: str
    name: str
    severity: Severity
    message: str
    location: Location | None = None
    failed_at: Location | None = None
    operands: tuple[OperandView, ...] = ()
    mismatch: Mismatch | None = None
    lineage: tuple[LineageStep, ...] = ()
    fix: Fix | None = None


class ExceptionInfo(msgspec.Struct, frozen=True):
    """The exception that ended the run."""

    type: str
    message: str


class CallRow(msgspec.Struct, frozen=True):
    """One folded row of what happened: an op at a line, how often, with the shapes of its first and last occurrence."""

    id: int
    op: str
    kind: str  # "op" | "concat" | "attention" | "cache" | "generate" | "tokenizer" | "module"
    count: int
    location: Location | None = None
    module: str = ""  # "model.layers.3.self_attn"
    inputs: tuple[ShapeRange, ...] = ()
    outputs: tuple[ShapeRange, ...] = ()
    error: str = ""
    facts: dict[str, FactValue] = {}


FactValue = str | int | float | bool | list[int | str] | None


class ShapeRange(msgspec.Struct, frozen=True):
    """A tensor of a folded row: its shape at the first and the last occurrence."""

    label: str
    first: tuple[int, ...]
    last: tuple[int, ...]
    dtype: str = ""
    device: str = ""


class RunInfo(msgspec.Struct, frozen=True):
    """What was run and what it left behind."""

    argv: tuple[str, ...] = ()
    level: str = "user"
    seconds: float = 0.0
    events: int = 0
    rows: int = 0
    notes: tuple[str, ...] = ()  # troubles of shapeguard's own, and what was not watched


class StepRow(msgspec.Struct, frozen=True):
    """One forward pass of a decoding run: step 0 is the prefill, the following ones decode."""

    step: int
    input_ids: tuple[int, ...]  # (batch, seq)
    mask: tuple[int, ...] | None = None  # (batch, past + seq)
    positions: tuple[int, ...] | None = None  # (batch, seq)
    cache_rows: int | None = None  # before the step
    cache_length: int | None = None  # before the step
    keys: tuple[int, ...] | None = None  # (batch, kv_heads, past + seq, head_dim) as attention saw them
    query: tuple[int, ...] | None = None  # (batch, heads, seq, head_dim)
    agrees: bool = True
    remark: str = ""
    location: Location | None = None


class RunView(msgspec.Struct, frozen=True):
    """One of the two runs of a comparison: its steps, its rows and what came out."""

    title: str
    outcome: Outcome
    script: str = ""
    steps: tuple[StepRow, ...] = ()
    calls: tuple[CallRow, ...] = ()
    outputs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Parting(msgspec.Struct, frozen=True):
    """The first step at which two runs differ in one of the aligned quantities."""

    step: int
    what: str  # "input_ids" | "mask" | "positions" | "cache_rows" | "cache_length"
    left: str
    right: str


class Comparison(msgspec.Struct, frozen=True):
    """The failing run beside the reference run."""

    left: RunView
    right: RunView
    partings: tuple[Parting, ...] = ()
    prompts: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """What shapeguard has to say about one run. Most likely root cause first."""

    outcome: Outcome
    exception: ExceptionInfo | None = None
    environment: dict[str, str] = {}
    findings: tuple[Finding, ...] = ()
    failed_at: Location | None = None
    operands: tuple[OperandView, ...] = ()  # of the failing expression, also where no rule knows the cause
    run: RunInfo = RunInfo()
    steps: tuple[StepRow, ...] = ()
    calls: tuple[CallRow, ...] = ()
    comparison: Comparison | None = None
    batch: BatchPicture | None = None  # of an audit
    verification: Verification | None = None
    schema: str = REPORT_SCHEMA

    def __str__(self) -> str:
        """The answer in a few lines, as ``print(report)`` is asked for it; ``shapeguard show`` tells all of it."""
        said = [f"{self.outcome}, {len(self.findings) or 'no'} finding{'' if len(self.findings) == 1 else 's'}"]
        if self.exception is not None:
            said.append(
                f"{self.exception.type}: {self.exception.message.splitlines()[0] if self.exception.message else ''}"
            )
        for finding in self.findings:
            place = f"  at {finding.location.file}:{finding.location.line}" if finding.location is not None else ""
            said += [f"{finding.code} {finding.name} ({finding.severity}){place}", f"  {finding.message}"]
            said += [f"  fix: {finding.fix.summary}"] if finding.fix is not None else []
        return "\n".join(said)

    def to_json(self) -> bytes:
        """The report as indented UTF-8 JSON, ``schema`` first."""
        fields = msgspec.to_builtins(self)
        return msgspec.json.format(msgspec.json.encode({"schema": fields.pop("schema"), **fields}), indent=1)
