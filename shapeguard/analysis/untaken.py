"""Branches on the way of a size: one that was not taken and would have made the size that is wanted, or whose test looked elsewhere.

``if self.use_mel: spec = mel_filters(self.n_mels, ...) @ spec``: where 20 bands are wanted, ``self.n_mels`` is 20, and no line
of the branch ever ran, it is what the condition reads that is wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.causes import Cause
from shapeguard.analysis.climb import climbs, possible_values
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side, is_weight
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Site

_DECIDING = frozenset({"attribute", "assign", "argument", "entry", "default", "option", "constant"})


def never_taken(dispute: Dispute) -> Cause | None:
    """Where it is decided that a branch is not taken which would have given a side the size that is wanted."""
    for index, side in enumerate(dispute.both):
        place = None if is_weight(side) else _skipped(dispute.run, side, dispute.both[1 - index].size)
        if place is not None:
            return dispute.blame(index, place, "here")
    return None


def _skipped(run: Run, side: Side, wanted: int) -> Location | None:
    for hop in side.hops:
        sites = run.chain(hop.row)
        for step, site in enumerate(sites):
            for test in _tests(run, site):
                if _makes(run, sites[step:], test, wanted):
                    return _decided(run, sites[step:], test) or run.place(site.file, test.lineno, site.function)
    return None


def _tests(run: Run, site: Site) -> Iterator[ast.If]:
    """The conditions in the function of a site, of which no line ran, and that give a name which the site's statement gives too."""
    source = run.sources[site.file]
    frame, statement = source.function_at(site.line), source.statement(site.line)
    given = set(_given(statement)) if statement is not None else set()
    ran = {other.line for other in run.recording.sites if other.file == site.file}
    for node in ast.walk(frame) if frame is not None else ():
        if isinstance(node, ast.If) and not node.orelse and node.lineno > site.line:
            lines = range(node.body[0].lineno, (node.body[-1].end_lineno or node.body[-1].lineno) + 1)
            if not ran & set(lines) and any(given & set(_given(inner)) for inner in node.body):
                yield node


def _given(statement: ast.stmt) -> Iterator[str]:
    """The names to which a statement gives a value."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _makes(run: Run, chain: list[Site], test: ast.If, wanted: int) -> bool:
    """Whether anything that a branch hands to a call is the number that is wanted."""
    for statement in test.body:
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
            for given in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if isinstance(given, ast.Name | ast.Attribute | ast.Subscript | ast.Constant):
                    found = possible_values(run.sources, chain, given)
                    if found is not None and wanted in found and len(found) == 1:
                        return True
    return False


def _decided(run: Run, chain: list[Site], test: ast.If) -> Location | None:
    """Where the value was given that a test reads, nearest to where it is written down."""
    read = test.test.operand if isinstance(test.test, ast.UnaryOp) else test.test
    if not isinstance(read, ast.Name | ast.Attribute | ast.Subscript):
        return None
    for trail in climbs(run.sources, chain, read, whole=True):
        spots = [spot for spot in trail.spots[1:] if spot.kind in _DECIDING and spot.line]
        asked = next((spot for spot in spots if _asks_with_default(parsed_text(spot.node_text))), None)
        if spots:
            spot = asked or spots[-1]
            return run.at(spot)
    return None


def _asks_with_default(node: ast.expr | None) -> bool:
    """``options.get("use_mel", False)``: what is not there is not missed."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get"), args=[_, _]):
            return True
        case ast.Call(func=ast.Name(id="getattr"), args=[_, _, _]):
            return True
    return False


def looked_elsewhere(dispute: Dispute) -> Cause | None:
    """The test under which the failing statement runs, where it compares sizes of its very operands and let them pass."""
    run = dispute.run
    names = {dispute.failed.expression(run, side.label) for side in dispute.both}
    frame = run.user_frame
    source = run.sources[frame.file] if frame is not None else None
    function = source.function_at(frame.line) if source is not None and frame is not None else None
    if frame is None or function is None:
        return None
    for node in ast.walk(function):
        if not isinstance(node, ast.If) or not any(
            inner.lineno <= frame.line <= (inner.end_lineno or inner.lineno) for inner in node.body
        ):
            continue
        compared = [part for part in ast.walk(node.test) if isinstance(part, ast.Compare)]
        sizes = {
            ast.unparse(size)
            for part in compared
            for size in map(_sized, (part.left, *part.comparators))
            if size is not None
        }
        if names <= sizes:
            return dispute.blame(0, run.place(frame.file, node.lineno, frame.function), "here")
    return None


def let_pass(dispute: Dispute) -> Cause | None:
    """A test that all of several sizes differ, before a branch that would have brought a side to the other's: one of them was the same.

    ``if h != ht and w != wt: input = interpolate(input, (ht, wt))`` lets pictures through of which only the height differs.
    """
    run, frame = dispute.run, dispute.run.user_frame
    function = run.sources[frame.file].function_at(frame.line) if frame is not None else None
    if frame is None or function is None:
        return None
    known = {value.expression: value.value for value in frame.locals if type(value.value) is int}
    ways = {site.line for side in dispute.both for hop in side.hops for site in run.chain(hop.row)[:1]}
    for node in ast.walk(function):
        if not isinstance(node, ast.If) or node.orelse or node.body[-1].lineno >= frame.line:
            continue
        tests = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else []
        differ = [_differ(part, known) for part in tests]
        skipped = not ways & set(range(node.lineno, (node.body[-1].end_lineno or node.lineno) + 1))
        if skipped and True in differ and False in differ and None not in differ and any(map(_remakes, node.body)):
            return dispute.blame(0, run.place(frame.file, node.lineno, frame.function), "here")
    return None


def _differ(test: ast.expr, known: dict[str, int]) -> bool | None:
    """Whether ``a != b`` was true, of numbers that are known; None for any other test."""
    match test:
        case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
            numbers = [known.get(ast.unparse(side)) for side in (left, right)]
            return None if None in numbers else numbers[0] != numbers[1]
    return None


def _remakes(statement: ast.stmt) -> bool:
    """Whether a statement makes a name anew of itself, ``x = resize(x, ...)``."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(args=[ast.Name(id=given), *_])):
            return name == given
    return False


def _sized(node: ast.expr) -> ast.expr | None:
    """The tensor of which an expression is a size."""
    match node:
        case ast.Subscript(value=ast.Attribute(value=tensor, attr="shape")):
            return tensor
        case ast.Call(func=ast.Attribute(value=tensor, attr="size")):
            return tensor
    return None
