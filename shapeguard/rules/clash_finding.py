"""What the findings about a failed op's clash share."""

from __future__ import annotations

import ast
import re
from contextlib import suppress

from shapeguard.analysis.causes import Cause, cause
from shapeguard.analysis.clipped import Clipped
from shapeguard.analysis.crash import Crash
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import Clash
from shapeguard.analysis.sides import is_weight, sides
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.shapes import format_shape

_CHANNELS = frozenset({"in_channels", "out_channels", "groups"})


def clash_finding(
    run: Run,
    failed: FailedOp,
    code: str,
    name: str,
    message: str,
    found: Cause,
    fix: str,
    *,
    location: Location | None = None,
    mismatch: Mismatch | None = None,
) -> Finding:
    """A finding about the failed op, at the line where the suspect's size was decided."""
    return Finding(
        code,
        name,
        Severity.ERROR,
        message + (told(run, found) if location in (None, found.location) else ""),
        location=location or found.location,
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=mismatch or failed.mismatch(),
        lineage=found.lineage(run),
        fix=Fix(fix),
    )


def told(run: Run, found: Cause) -> str:
    """How the suspect came by its size, as a sentence."""
    where = run.shown(found.location)
    size = found.side.size
    line = f"line {where.line} (`{where.source}`)" if where.source else f"line {where.line}"
    return {
        "counted": f" The {size} is how many entries of a mask were true; what the mask was made of came in at {line}.",
        "changed": f" {line[:1].upper()}{line[1:]} made it {size}.",
        "written": f" The {size} is written at {line}.",
        "built": f" The {size} was built in at {line}."
        if is_weight(found.side) or found.side.hops
        else f" The layer was built at {line}.",
        "data": f" The {size} comes from the data, last seen at {line}.",
        "here": "",
    }[found.how]


def other_number(run: Run, crash: Crash) -> str:
    """The fix where one number stands in the line that decided the size; "" where it is reckoned or stands there twice."""
    found, sizes = crash.suspect, crash.clash.sizes
    where, (number, other) = run.shown(found.location), (found.side.size, sum(sizes[:2]) - found.side.size)
    if found.how == "built" and not is_weight(found.side) and not found.side.hops:  # the layer's line, not the input's
        number, other = other, number
    said = _said(where.source or "").count(number) == 1
    if found.how not in ("written", "built") or not said or number not in sizes:
        return ""
    return f"Write {other} for the {number} in line {where.line}, or take it from the tensor that comes in."


def _said(source: str) -> list[int]:
    """The numbers that stand in a line; of a convolution's own those of its channels, and not its kernel's."""
    text = source
    with suppress(SyntaxError):
        tree = ast.parse(source.strip().rstrip(","))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2].startswith("Conv"):
                call.args, call.keywords = call.args[:2], [word for word in call.keywords if word.arg in _CHANNELS]
        text = ast.unparse(tree)
    return [int(number) for number in re.findall(r"(?<![\w.])\d+(?![\w.])", text)]


def operands_text(run: Run, failed: FailedOp) -> str:
    """``features (8, 128)`` and ``self.fc.weight (10, 64)``: the clashing operands by the user's names."""
    clash = failed.clash
    labels = [clash.left, clash.right] if clash is not None else []
    views = {view.label: view for view in failed.views(run)}
    parts = []
    for label in labels:
        view = views.get(label)
        if view is not None:
            parts.append(f"`{view.expression or view.label}` {format_shape(view.shape)}")
    return " and ".join(parts)


def both_sizes(clash: Clash) -> str:
    """``576 against 256``; of numbers of dims, what is wanted and what is there."""
    return clash.text if clash.kind == "rank" else f"{clash.sizes[0]} against {clash.sizes[1]}"


def here(run: Run) -> Location | None:
    """The statement that was running in the user's innermost frame."""
    return run.statement_of(run.user_frame) if run.user_frame is not None else None


def cut_short(run: Run, failed: FailedOp, code: str, name: str, found: Cause, cut: Clipped) -> Finding:
    """A write to a slice that reaches past the end."""
    sizes = failed.clash.sizes if failed.clash is not None else (0, 0)
    left = sizes[0] if failed.clash is not None and failed.clash.left == "input" else sizes[1]
    buffer = next((side for side in sides(run, failed) if side.label == "input"), None)
    if cut.start == 0 and buffer is not None:  # not the last write of several: it was made for fewer
        made = cause(run, failed, buffer)
        return clash_finding(
            run, failed, code, name,
            f"{cut.stop} places of dim {cut.dim} are written to, and the buffer was made with {cut.size}.",
            made,
            f"Make the buffer for as many as come ({cut.stop}), or write at most {cut.size} at a time.",
        )  # fmt: skip
    return clash_finding(
        run, failed, code, name,
        f"The slice ends at {cut.stop}, past the end of dim {cut.dim} ({cut.size}): only {left} places are left of it, "
        f"{sizes[0]} against {sizes[1]}.",
        found,
        "Write around the end (two assignments, or indices taken modulo the size), or make every batch divide the size "
        "(`drop_last=True`).",
        location=here(run),
    )  # fmt: skip
