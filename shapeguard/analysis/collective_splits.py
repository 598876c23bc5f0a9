"""Split sizes of an all-to-all: how many rows go to each rank, and whether they add up."""

from __future__ import annotations

import ast
from typing import NamedTuple

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, TensorArg

# Which split sizes are of which tensor, and where the argument stands when it is given by place.
_SPLITS = {"input_split_sizes": ("input", 3), "output_split_sizes": ("output", 2)}


class UnevenSplit(NamedTuple):
    """Split sizes that do not add up to the rows of their tensor."""

    name: str
    tensor: TensorArg
    total: int
    rows: int


def uneven_split(row: Row) -> UnevenSplit | None:
    """The split sizes of a collective that do not add up."""
    by_label = {tensor.label: tensor for tensor in row.inputs}
    for name, (label, _) in _SPLITS.items():
        sizes, tensor = row.args.get(name), by_label.get(label)
        numbers = [size for size in sizes if isinstance(size, int)] if isinstance(sizes, list) else []
        if tensor is not None and tensor.last and numbers and sum(numbers) != tensor.last[0]:
            return UnevenSplit(name, tensor, sum(numbers), tensor.last[0])
    return None


def argument_made(run: Run, row: Row, name: str) -> Location | None:
    """Where the split sizes were made."""
    sites = run.chain(row)
    node = parsed_text(run.expression(row))
    if node is None:
        return None
    given = _argument(node, name) if isinstance(node, ast.Call) else None
    if given is None or not sites:
        return None
    found = climbs(run.sources, sites, given, whole=True)
    spots = [spot for spot in (found[0].spots if found else ()) if spot.kind not in ("use", "outside", "parameter")]
    return run.at(spots[-1]) if spots else None


def _argument(node: ast.Call, name: str) -> ast.expr | None:
    """The argument, a conversion to a list taken off."""
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    place = _SPLITS[name][1]
    given = keywords.get(name) or (node.args[place] if place < len(node.args) else None)
    is_list = isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and given.func.attr == "tolist"
    return (
        given.func.value if is_list and isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) else given
    )
