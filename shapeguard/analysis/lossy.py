"""Samples and rows that fall away: loaders zipped with a shorter one, slices to the smaller of two sizes, clamped joins."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from shapeguard.analysis.causes import DATA
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.loading import loop_at
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import SourceFile, parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site, TensorArg

_LASTING = frozenset({"cycle", "repeat", "zip_longest", "chain", "infinite", "endless", "forever"})


class Zipped(NamedTuple):
    """Two loaders consumed side by side: batches of the longer and the shorter one, and the place of the ``zip``."""

    longer: Row
    batches: int | None  # of the longer one, where its samples are known
    shorter: int
    location: Location


_BESIDE = frozenset({"stack", "cat", "vstack", "hstack"})


class Cut(NamedTuple):
    """What a slice to the smaller of two sizes, or a concatenation that was told to clamp, left of a dim."""

    row: Row
    tensor: TensorArg
    dim: int
    size: int
    kept: int


# -- loaders side by side --------------------------------------------------------------------------------------------


def zipped_loaders(run: Run) -> Iterator[Zipped]:
    """Loaders that one ``zip`` draws from, where the shorter one ended and the longer one had more to give."""
    places: dict[tuple[int, ...], list[Row]] = {}
    for row in run.of_kind("loader"):
        if row.owner is not None:
            places.setdefault(run.recording.chains[row.chain].sites[:2], []).append(row)
    for rows in places.values():
        drawn: dict[int, list[Row]] = {}
        for row in rows:
            drawn.setdefault(row.owner or 0, []).append(row)
        if len(drawn) == 2:
            yield from _unequal(run, list(drawn.values()))


def _unequal(run: Run, groups: list[list[Row]]) -> Iterator[Zipped]:
    counts = [sum(row.count for row in rows) for rows in groups]
    totals = [_batches(rows[0]) for rows in groups]
    short = _ended_first(counts, totals)
    place = _zip(run, groups[0][0])
    if short is None or place is None:
        return
    end = totals[short]
    yield Zipped(groups[1 - short][0], totals[1 - short], end if end is not None else counts[short], place)


def _ended_first(counts: list[int], totals: list[int | None]) -> int | None:
    """Which of two loaders ended the loop: by their lengths where both are known, else the one drawn from less often."""
    left, right = totals
    if left is not None and right is not None:
        short = int(right < left)
        whole = totals[short]
        return short if left != right and whole and counts[short] % whole == 0 else None
    return None if counts[0] == counts[1] else int(counts[1] < counts[0])


def _batches(row: Row) -> int | None:
    samples, size = row.args.get("samples"), row.args.get("batch_size")
    if type(samples) is not int or type(size) is not int or size < 1:
        return None
    return samples // size if row.args.get("drop_last") else ceil(samples / size)


def _zip(run: Run, row: Row) -> Location | None:
    """The ``zip(...)`` a loop runs over: in its head, or where the function it calls returns it."""
    sites = run.chain(row)
    loop = loop_at(run.sources[sites[0].file], sites[0].line) if sites else None
    for node in ast.walk(loop.iter) if loop is not None else ():
        if not isinstance(node, ast.Call):
            continue
        if _is_zip(node):
            return run.place(sites[0].file, node.lineno, sites[0].function)
        for trail in climbs(run.sources, sites, node, whole=True):
            for spot in reversed(trail.spots):
                if spot.line and _is_zip(parsed_text(spot.node_text)):
                    return run.at(spot)
    return None


def _is_zip(node: ast.AST | None) -> bool:
    """A plain ``zip`` of things none of which is made to last."""
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Name)
        or node.func.id != "zip"
        or len(node.args) < 2
    ):
        return False
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    names |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return not names & _LASTING


# -- rows side by side -----------------------------------------------------------------------------------------------


def zipped_rows(run: Run) -> Iterator[tuple[Row, Row]]:
    """Two tensors of unequal numbers of rows that one ``zip`` goes through: the longer and the shorter one's iteration.

    Neighbours of one tensor, ``zip(x, x[1:])``, are paired on purpose.
    """
    places: dict[int, list[Row]] = {}
    for row in run.of_kind("op"):
        if row.op == "unbind" and row.inputs and not row.error and _is_zip(parsed_text(run.expression(row))):
            places.setdefault(row.chain, []).append(row)
    for rows in places.values():
        last = rows[-2:]
        sizes = [row.inputs[0].last[0] for row in last]
        sliced = any(":" in ast.unparse(part) for part in _arguments(run, rows[0]))
        together = len(last) == 2 and last[1].last_at - last[0].last_at == 1  # and not in two turns of a loop
        if together and last[0].count == last[1].count and sizes[0] != sizes[1] and not sliced:
            longer = int(sizes[1] > sizes[0])
            yield last[longer], last[1 - longer]


def _arguments(run: Run, row: Row) -> list[ast.expr]:
    call = parsed_text(run.expression(row))
    return call.args if isinstance(call, ast.Call) else []


# -- slices to the smaller size --------------------------------------------------------------------------------------


def clamped(run: Run) -> Iterator[Cut]:
    """Slices whose end is ``min`` of two sizes, and which left something out."""
    for row in run.of_kind("op"):
        if row.op != "getitem" or not row.inputs or row.error:
            continue
        sites = run.recording.chains[row.chain].sites
        cut = _shortened(row)
        if cut is None or not sites:
            continue
        if _to_the_smaller(run, row, run.recording.sites[sites[0]]) or _to_anothers(run, cut):
            yield cut


def _shortened(row: Row) -> Cut | None:
    """The dim whose slice ends before the dim does."""
    index = row.args.get("index")
    items = index if isinstance(index, list) else [index]
    if any(item in ("...", "None", "tensor", None) for item in items):
        return None
    for dim, (item, size) in enumerate(zip(items, row.inputs[0].last, strict=False)):
        end = _end(item)
        if end is not None and 0 < end < size:
            return Cut(row, row.inputs[0], dim, size, end)
    return None


def _end(item: object) -> int | None:
    """Where a slice ``:n`` ends."""
    return int(item[1:]) if isinstance(item, str) and item.startswith(":") and item[1:].isdecimal() else None


def _to_the_smaller(run: Run, row: Row, site: Site) -> bool:
    """Whether the slice's end is written as the smaller of two sizes, there or where its name gets its value."""
    node = parsed_text(run.expression(row))
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Slice) and part.upper is not None:
            ends = [part.upper, *_assigned(run.sources[site.file], site, part.upper)]
            if any(_is_smaller_size(end) for end in ends):
                return True
    return False


def multiples(run: Run) -> Iterator[Cut]:
    """Rows that are cut to a multiple of a number: ``order[: len(order) // ranks * ranks]``."""
    for row in run.of_kind("op"):
        if row.op != "getitem" or not row.inputs or row.error or row.inputs[0].dtype not in ("int64", "int32"):
            continue
        cut = _shortened(row)
        sites = run.recording.chains[row.chain].sites
        if cut is None or cut.dim or len(row.inputs[0].last) != 1 or not sites:
            continue
        if _to_a_multiple(run, row, run.recording.sites[sites[0]]):
            yield cut


def _to_a_multiple(run: Run, row: Row, site: Site) -> bool:
    node = parsed_text(run.expression(row))
    part = node.slice if isinstance(node, ast.Subscript) else None
    if (
        not isinstance(part, ast.Slice)
        or not isinstance(part.upper, ast.BinOp)
        or not isinstance(part.upper.op, ast.Mult)
    ):
        return False
    source = run.sources[site.file]
    factors = [part.upper.left, part.upper.right]
    factors += [value for factor in factors for value in _assigned(source, site, factor)]
    return any(isinstance(one, ast.BinOp) and isinstance(one.op, ast.FloorDiv) for one in factors)


def _to_anothers(run: Run, cut: Cut) -> bool:
    """Whether rows of data are cut to the number of another tensor's rows: ``labels[: scores.size(0)]``."""
    made = run.row(cut.row.inputs[0].origin)
    if cut.dim != 0 or made is None or made.op not in DATA or made.op.startswith("rand"):
        return False
    node = parsed_text(run.expression(cut.row))
    part = node.slice if isinstance(node, ast.Subscript) else None
    if not isinstance(node, ast.Subscript) or not isinstance(part, ast.Slice) or part.lower or part.upper is None:
        return False
    cut_of, read = ast.unparse(node.value), _sized(part.upper)
    return read is not None and read != cut_of


def _sized(node: ast.expr) -> str | None:
    """The expression whose first size is read: of ``len(x)``, ``x.size(0)`` and ``x.shape[0]`` it is x."""
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[of]):
            return ast.unparse(of)
        case ast.Call(func=ast.Attribute(value=of, attr="size"), args=[ast.Constant(value=0)]):
            return ast.unparse(of)
        case ast.Subscript(value=ast.Attribute(value=of, attr="shape"), slice=ast.Constant(value=0)):
            return ast.unparse(of)
    return None


def _assigned(source: SourceFile, site: Site, name: ast.expr) -> list[ast.expr]:
    """The values that a name is given in the function of a site."""
    if not isinstance(name, ast.Name) or source.tree is None:
        return []
    scopes = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.Module)
        and (isinstance(node, ast.Module) or node.lineno <= site.line <= (node.end_lineno or 0))
    ]
    return [
        node.value
        for node in ast.walk(scopes[-1])
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name.id for t in node.targets)
    ]


def _is_smaller_size(node: ast.expr) -> bool:
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Name)
        or node.func.id != "min"
        or len(node.args) < 2
    ):
        return False
    return all(_is_size(argument) for argument in node.args)


def _is_size(node: ast.expr) -> bool:
    words = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    words |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return bool(words & {"size", "shape", "len", "numel"})


# -- concatenations told to clamp ------------------------------------------------------------------------------------


def cut_on_request(run: Run) -> Iterator[list[Cut]]:
    """What each call of ``safe_cat`` or ``safe_stack`` cut from its operands: where the result is smaller than they are."""
    for row in run.of_kind("concat"):
        dim = row.args.get("dim")
        if row.args.get("on_mismatch") == "clamp" and not row.error and row.outputs and isinstance(dim, int):
            cuts = _smaller(row, dim)
            if cuts:
                yield cuts


def _smaller(row: Row, dim: int) -> list[Cut]:
    result = list(row.outputs[0].last)
    if row.op == "stack":
        del result[dim % len(result)]  # the new dimension
    return [
        Cut(row, tensor, place, size, result[place])
        for tensor in row.inputs
        if len(tensor.last) == len(result)
        for place, size in enumerate(tensor.last)
        if size > result[place]
    ]


def cut_to_shortest(run: Run) -> Iterator[Cut]:
    """Samples of unequal length that are all cut to that of the shortest, ``c[:n]``, before they are put side by side."""
    for row in run.of_kind("concat"):
        if row.op not in _BESIDE or row.error or len(row.inputs) < 2:
            continue
        cuts = [run.row(tensor.origin) for tensor in row.inputs]
        sliced = [cut for cut in cuts if cut is not None and cut.op == "getitem" and cut.inputs and cut.inputs[0].last]
        ends = {_end_of_rows(cut) for cut in sliced}
        if len(sliced) != len(cuts) or len(ends) != 1 or None in ends or len({cut.chain for cut in sliced}) != 1:
            continue
        end = ends.pop()
        lengths = [cut.inputs[0].last[0] for cut in sliced]
        if end is not None and min(lengths) == end < max(lengths):
            longest = sliced[lengths.index(max(lengths))]
            yield Cut(longest, longest.inputs[0], 0, max(lengths), end)


def _end_of_rows(cut: Row) -> int | None:
    """Where a slice of the first dim ends."""
    index = cut.args.get("index")
    return _end(index[0] if isinstance(index, list) and index else index)
