"""Where a setting of a call is written: in the call itself, in a config or a dict it was given, or on the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.climbing.spots import Spot
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site

_ENDS = frozenset({"argument", "assign", "attribute", "constant", "entry", "default", "option", "call"})


def setting_written(run: Run, row: Row, fields: Sequence[str]) -> Location | None:
    """The line that gives the first of these settings, as the row's call had it, its value; None where that is not found."""
    call = call_of(run.expression(row))
    sites = run.chain(row)
    if call is None or not sites:
        return None
    for field in fields:
        value = row.args.get(field)
        if type(value) is int:
            spot = _spot(run, sites, call, field, value)
            if spot is not None:
                return run.at(spot)
    return _assigned(run, fields)


def call_of(text: str) -> ast.Call | None:
    """An expression as the call it is."""
    node = parsed_text(text)
    if node is None:
        return None
    return node if isinstance(node, ast.Call) else None


def _spot(run: Run, sites: list[Site], call: ast.Call, field: str, value: int) -> Spot | None:
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if isinstance(given.get(field), ast.Constant):
        return Spot(
            sites[0].file, sites[0].line, sites[0].function, str(value), "argument", part=_line(run, sites[0], field)
        )
    for node in _carriers(call, given, field):
        told = [
            trail.spots
            for trail in climbs(run.sources, sites, node, value=value)
            if (last := trail.spots[-1]).kind in _ENDS
            and last.line
            and len(trail.spots) > 1
            and _says(last, field, value)
        ]
        if told:
            return _reckoned(told[0], value) or _common(told)
    return None


def _line(run: Run, site: Site, field: str) -> int:
    """The line on which a call of several lines gives a keyword; 0 where that is not seen."""
    words = (
        node
        for node in ast.walk(run.sources[site.file].statement(site.line) or ast.Pass())
        if isinstance(node, ast.keyword)
    )
    lines = (word.value.lineno for word in words if word.arg == field)
    return next((line for line in lines if site.line <= line <= site.end_line), 0)


def _reckoned(spots: tuple[Spot, ...], value: int) -> Spot | None:
    """Where a setting was reckoned from another number, ``length or n_positions // 2``; None where it is written as it is."""
    last = spots[-1].node_text
    if not last.isdecimal() or int(last) == value:
        return None
    computed = (s for s in spots[1:-1] if s.line and any(isinstance(n, ast.BinOp) for n in ast.walk(_tree(s))))
    return next(computed, None)


def _tree(spot: Spot) -> ast.AST:
    return parsed_text(spot.node_text) or ast.Pass()


def _common(told: list[tuple[Spot, ...]]) -> Spot:
    """The place that says the setting; of several that say the same, as entries of a registry do, the one they come through."""
    together = [spots[0] for spots in zip(*told, strict=False) if len(set(spots)) == 1]
    return told[0][-1] if len(together) < 2 or told[0][-1] in together else together[-1]


def _carriers(call: ast.Call, given: dict[str, ast.expr], field: str) -> Iterator[ast.expr]:
    """What may carry the setting: its keyword, a config, the dicts that are opened into the call."""
    if field in given:
        yield given[field]
    if "generation_config" in given:
        yield ast.Attribute(given["generation_config"], field, ast.Load())
    for keyword in call.keywords:
        if keyword.arg is None:
            yield ast.Subscript(keyword.value, ast.Constant(field), ast.Load())


def _says(spot: Spot, field: str, value: int) -> bool:
    """Whether the place names the setting or its value."""
    return field in spot.node_text or str(value) in spot.node_text or spot.kind in ("default", "option")


def _assigned(run: Run, fields: Sequence[str]) -> Location | None:
    """``model.generation_config.max_length = 32`` somewhere in the user's files."""
    for file, node in run.nodes(ast.Assign):
        if any(isinstance(target, ast.Attribute) and target.attr in fields for target in node.targets):
            return run.place(file, node.lineno)
    return None
