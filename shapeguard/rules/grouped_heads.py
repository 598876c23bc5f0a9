"""What SG402 says of groups of query heads that share a key head: positions chosen for each, groups left apart from the heads."""

from __future__ import annotations

from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.heads import configs, kv_heads, query_heads
from shapeguard.analysis.lineage import follow, steps
from shapeguard.analysis.run import Run
from shapeguard.analysis.semantics import family
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.sides import shape_of, sides
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import NamedValue, Row, TensorArg

_WITH_GROUPS = 5  # dims of (batch, kv_heads, group, length, head_dim)
_NEAR = 6  # ops behind an operand among which its keys were repeated


def chosen(run: Run, failed: FailedOp, many: int, few: int, code: str, name: str) -> Finding | None:
    """Positions of cached keys chosen for each query head, out of its attention weights: the keys have fewer heads."""
    of = next((of for of in sides(run, failed) if of.label == "index" and of.size == many), None)
    made = next((hop.row for hop in reversed(of.hops) if hop.row.kind == "op"), None) if of is not None else None
    if failed.op not in ("gather", "take_along_dim") or of is None or made is None:
        return None
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"Positions are chosen for {many} query heads, and the keys have {few} heads, each shared by {many // few} of them.",
        location=run.location(made),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=failed.mismatch(),
        lineage=steps(run, list(of.hops)),
        fix=Fix(
            f"Put the weights of the {many // few} query heads that share a key head together before choosing: "
            f"`weights.unflatten(1, (-1, {many // few})).mean(2)`."
        ),
    )


def left_apart(run: Run, failed: FailedOp, code: str, name: str) -> Finding | None:
    """Keys repeated into an axis of groups, (batch, kv_heads, group, length, head_dim), that was not folded into the heads again."""
    shapes = dict(failed.call.tensors)
    labels = [label for label, shape in shapes.items() if len(shape) == _WITH_GROUPS]
    others = [shape for shape in shapes.values() if len(shape) == _WITH_GROUPS - 1]
    if family(failed.op) not in ("matmul", "attention", "broadcast") or len(labels) != 1 or not others:
        return None
    value, (_, few, group, *_), many = failed.operands.get(labels[0]), shapes[labels[0]], others[0][1]
    way = [row for row in _behind(run, value) if row.outputs and len(row.outputs[0].last) == _WITH_GROUPS]
    spread = any(row.op in ("expand", "repeat", "unsqueeze", "stack", "getitem") for row in way)
    if few * group != many or few == many or not spread:
        return None
    made = next((row for row in way if family(row.op) == "reshape"), way[0])
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"The {few} key heads were repeated {group} times into an axis of their own, {few} x {group}, and meet {many} query heads.",
        location=run.location(made),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", (many, group), 1),
        fix=Fix(f"Fold the groups into the heads: `.flatten(1, 2)`, (batch, {many}, length, head_dim)."),
    )


def more_keys(run: Run, failed: FailedOp, code: str, name: str) -> Finding | None:
    """More key heads than query heads, or as many as do not divide them: a key head is shared by several queries', never the reverse."""
    shapes = {label: shape_of(failed.operands.get(label)) or () for label in ("query", "key")}
    if [len(shape) for shape in shapes.values()] != [_WITH_GROUPS - 1, _WITH_GROUPS - 1]:
        return None
    queries, keys = shapes["query"][1], shapes["key"][1]
    if keys <= queries or shapes["query"][0] != shapes["key"][0] or shapes["query"][3] != shapes["key"][3]:
        return None
    config = next(
        (row for row in reversed(configs(run)) if kv_heads(row) == keys and query_heads(row) == queries), None
    )
    told = setting_written(run, config, ("num_attention_heads", "num_key_value_heads")) if config is not None else None
    frame = run.user_frame
    made = next(iter(follow(run, failed.operands["key"], 1)[-1:]), None)
    return Finding(
        code,
        name,
        Severity.ERROR,
        f"There are {keys} key/value heads and {queries} query heads: each key head is to be shared by one or more query heads.",
        location=told
        or (run.location(config) if config is not None else None)
        or (run.location(made.row) if made is not None else None)
        or (run.statement_of(frame) if frame is not None else None),
        failed_at=run.failed_at,
        operands=failed.views(run),
        mismatch=Mismatch("dim", (queries, keys), 1),
        fix=Fix(
            f"Let the number of key heads divide that of query heads: `num_key_value_heads={queries}` or a divisor of it."
        ),
    )


def values_alone(run: Run, failed: FailedOp) -> Location | None:
    """Where one of keys and values was repeated for the query heads, and the other one was not."""
    given = {label: failed.operands.get(label) for label in ("query", "key", "value")}
    heads = {label: (shape_of(value) or (0, 0))[1:2] for label, value in given.items()}
    if heads["key"] == heads["value"] or heads["query"] not in (heads["key"], heads["value"]):
        return None
    repeated = "value" if heads["value"] == heads["query"] else "key"
    rows = (
        row for row in _behind(run, given[repeated]) if row.op in ("repeat_interleave", "repeat", "reshape", "expand")
    )
    return next((run.location(row) for row in rows), None)


def _behind(run: Run, value: TensorArg | NamedValue | None) -> list[Row]:
    """The last few rows behind an operand, by first operands, newest first."""
    rows: list[Row] = []
    row = run.row(value.origin) if value is not None else None
    while row is not None and len(rows) < _NEAR:
        rows.append(row)
        row = run.row(row.inputs[0].origin) if row.inputs else None
    return rows
