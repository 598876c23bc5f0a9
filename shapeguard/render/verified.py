"""A verification as a table of cells and a few lines, for all renderers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from shapeguard.render.words import one_line
from shapeguard.values.verification import Verification, VerifiedRow, greatest

_MOST_ROWS = 40  # on a terminal, failing ones first
_OTHER, _REMARK = "first other token", "remark"

_Cell = Callable[[VerifiedRow], str]


def verdict(found: Verification) -> str:
    """``FAIL: 2 of 3 rows of LlamaForCausalLM.generate are not what they are alone``."""
    count = len(found.rows)
    if not count:
        return f"FAIL: {found.what}: {found.cause or 'the rows could not be compared'}"
    if found.passed:
        return f"PASS: {count} rows of {found.what} are in the batch what they are alone"
    return f"FAIL: {len(found.failed)} of {count} rows of {found.what} are not in the batch what they are alone"


def table(found: Verification) -> tuple[list[str], list[list[str]]]:
    """Header and cells; columns that say nothing of any row are left out."""
    columns = [(name, [cell(row) for row in found.rows]) for name, cell in _columns(found)]
    kept = [(name, cells) for name, cells in columns if any(cells)]
    return [name for name, _ in kept], [list(cells) for cells in zip(*(cells for _, cells in kept), strict=True)]


def row_lines(found: Verification) -> Iterator[str]:
    """The table for a terminal: what does not fit in its columns stands below the row."""
    if not found.rows:
        return
    header, cells = table(found)
    wide = [at for at, name in enumerate(header) if name in (_OTHER, _REMARK)]
    narrow = [at for at in range(len(header)) if at not in wide]
    widths = {at: max(len(header[at]), *(len(row[at]) for row in cells)) for at in narrow}
    yield "  ".join(header[at].rjust(widths[at]) for at in narrow)
    shown = sorted(range(len(cells)), key=lambda row: (found.rows[row].passed, row))[:_MOST_ROWS]
    for row in sorted(shown):
        yield "  ".join(cells[row][at].rjust(widths[at]) for at in narrow)
        said = "; ".join(
            f"{header[at]}: {cells[row][at]}" if header[at] == _OTHER else cells[row][at]
            for at in wide
            if cells[row][at]
        )
        if said:
            yield f"{' ' * (widths[narrow[0]] + 2)}{said}"
    if len(cells) > len(shown):
        yield f"… and {len(cells) - len(shown)} more in report.json"


def summary_lines(found: Verification) -> list[str]:
    """How it was run, what counts as equal, what was tried."""
    steps = f"{found.steps} steps" if found.steps > 1 else ""
    padding = f"padding {found.padding}" if found.padding else ""
    mask, attention = (
        f"mask {found.mask}" if found.mask else "",
        f"{found.attention} attention" if found.attention else "",
    )
    lines = [", ".join(word for word in (steps, found.dtype, attention, padding, mask) if word)]
    if found.tolerance:
        lines.append(f"tolerance: {found.tolerance}")
    if found.repeated_in:
        allowed = max((row.repeated_tolerance for row in found.rows), default=0.0)
        lines.append(f"in {found.repeated_in}, where rounding explains {allowed:.2g} at most: what differs there leaks")
    for repair in found.tried:
        left = "not a number" if repair.worst is None else f"{repair.worst:.2g}"
        became = repair.remark or (f"mends all rows ({left} left)" if repair.mends else f"does not mend ({left} left)")
        lines.append(f"tried {repair.name} ({repair.code}): {became}")
    if found.rows and not found.passed:
        lines.append(f"cause: {found.cause or 'not known'}")
    return [one_line(line, 300) for line in lines if line]


def _columns(found: Verification) -> list[tuple[str, _Cell]]:
    stepwise = found.steps > 1
    return [
        ("row", lambda row: str(row.row)),
        ("tokens", lambda row: "" if row.tokens is None else str(row.tokens)),
        ("pads", lambda row: "" if row.pads is None else str(row.pads)),
        ("prefill" if found.padding else "difference", lambda row: _number(row.differences[:1])),
        ("decode", lambda row: _number(row.differences[1:]) if stepwise else ""),
        ("tolerance", lambda row: f"{row.tolerance:.2g}"),
        (f"in {found.repeated_in}", lambda row: _number(row.repeated)),
        ("verdict", lambda row: "PASS" if row.passed else "FAIL"),
        (_OTHER, lambda row: _other(row, bool(found.padding))),
        (_REMARK, lambda row: one_line(row.remark, 200)),
    ]


def _number(differences: Sequence[float | None]) -> str:
    """The greatest of some differences."""
    if not differences:
        return ""
    found = greatest(tuple(differences))
    return "none" if found is None else f"{found:.2g}"


def _other(row: VerifiedRow, stepwise: bool) -> str:
    if row.first_other is None and not row.expected:
        return ""
    step = "" if row.first_other is None else f"at {'step ' if stepwise else ''}{row.first_other} "
    # A token's text is quoted, for it may be blank; what a function gives is a repr already.
    expected, got = (repr(text) if stepwise else text for text in (row.expected, row.got))
    return f"{step}{one_line(expected, 40)} alone, {one_line(got, 40)} in the batch"
