"""Where the number was written that gave a tensor its size: climbs from a call's arguments, and what counts as the decision."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.climb import Spot, climb
from shapeguard.analysis.filling import where_filled
from shapeguard.analysis.lineage import RECURRENT
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.analysis.untold import untold
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row, Site

_WRITTEN_KINDS = frozenset(
    {"constant", "entry", "default", "argument", "option", "assign", "attribute", "return", "call"}
)
NOT_OF_IT = 2
_NAMED_KINDS = frozenset({"constant", "entry", "default", "option"})


def written(run: Run, row: Row, size: int, dim: int | None = None) -> Location | None:
    """Where the number that gave a row its size is written: the argument of this size, climbed to its origin."""
    trail, spot = _deciding(run, row, size, dim)
    if spot is None:
        return None
    return untold(run, row, trail) or run.at(where_filled(run, spot) or spot)


def written_spot(run: Run, row: Row, size: int, dim: int | None = None) -> Spot | None:
    """The place at which the number was decided that gave a row its size."""
    return _deciding(run, row, size, dim)[1]


def _deciding(run: Run, row: Row, size: int, dim: int | None) -> tuple[list[Spot], Spot | None]:
    """The climb that leads to the number which gave a row its size, and its place at which that was decided."""
    told = [
        (says_otherwise(trail, size, row.op in RECURRENT), not _says(trail, size), trail)
        for trail in written_trails(run, row, size, dim)
    ]
    ordered = [
        _without_multiple(run, row, _without_one_more(trail, size))
        for other, _, trail in sorted(told, key=lambda found: found[:2])
        if other < NOT_OF_IT
    ]
    return next(((trail, spot) for trail in ordered if (spot := decided(trail)) is not None), ([], None))


def _without_one_more(trail: list[Spot], size: int) -> list[Spot]:
    """The trail of the number itself where a layer was told one more of it, ``Linear(width, classes + 1)``, and it is written out."""
    match parsed(trail[0]) if len(trail) > 1 else None:
        case ast.BinOp(left=ast.Name() | ast.Attribute(), op=ast.Add(), right=ast.Constant(value=1)):
            end = parsed(trail[-1])
            chosen = [end.body, end.orelse] if isinstance(end, ast.IfExp) else [end]
            if any(isinstance(part, ast.Constant) and part.value == size - 1 for part in chosen):
                return trail[1:]
    return trail


def _without_multiple(run: Run, row: Row, trail: list[Spot]) -> list[Spot]:
    """The trail of what a helper was told that makes a tensor of a multiple of it, ``ones(3 * side)``: its caller chose the number."""
    told = len(trail) > 1 and trail[1].kind == "argument" and row.kind == "op" and run.helper_call(row) is not None
    match parsed(trail[0]) if told else None:
        case ast.BinOp(left=ast.Constant(), op=ast.Mult(), right=ast.Name()):
            return trail[1:]
    return trail


def _says(trail: list[Spot], size: int) -> bool:
    """Whether a trail leads to this very number."""
    return len(trail) > 1 and trail[-1].node_text == str(size)


def says_otherwise(trail: list[Spot], size: int, both_ways: bool = False) -> int:
    """How far a trail is from being this number's: it ends at another one with nothing computed on the way.

    1 where the size is twice of it, as that of a recurrent layer of both directions is, or may be another of several numbers
    that were handed on together; 2 where it is not of it.
    """
    text = trail[-1].node_text.lstrip("-") if trail else ""
    if not text.isdecimal() or int(text) == size or any(computes(spot) for spot in trail):
        return 0
    one_of_several = any(isinstance(parsed(spot), ast.Tuple | ast.List) for spot in trail)
    return 1 if one_of_several or (both_ways and size == 2 * int(text)) else NOT_OF_IT


def shared_parameter(run: Run, row: Row, size: int, step: int = 0) -> bool:
    """Whether a size was handed to a function under a name that several of its calls read: one use is wrong, not the number.

    ``step``: how far up the calls the function stands.
    """
    place = run.location(row, step)
    frame = run.sources[place.file].function_at(place.line) if place is not None else None
    if place is None or frame is None:
        return False
    parameters = {arg.arg for arg in [*frame.args.args, *frame.args.kwonlyargs]} - {"self"}
    for argument in arguments(run, row, None) if not step else _handed(run, row, step):
        # Of a config that is handed in each entry is a number of its own.
        owners = {id(node.value) for node in ast.walk(argument) if isinstance(node, ast.Attribute)}
        read = [node for node in ast.walk(argument) if isinstance(node, ast.Name) and id(node) not in owners]
        names = {node.id for node in read} & parameters
        if names and _gives(run, run.chain(row)[step:], argument, size):
            return any(_uses(frame, name) > 1 for name in names)
    return False


def _handed(run: Run, row: Row, step: int) -> Iterator[ast.expr]:
    """The arguments of the call that stands some steps up the calls of a row."""
    site = run.chain(row)[step]
    node = parsed_text(run.sources[site.file].segment(site.line, site.end_line, site.col, site.end_col))
    if isinstance(node, ast.Call):
        yield from [*node.args, *(keyword.value for keyword in node.keywords)]


def _gives(run: Run, sites: list[Site], argument: ast.expr, size: int) -> bool:
    """Whether an argument can have given a size: its trail does not end at another number."""
    trail = climb(run.sources, sites, argument, value=size)
    return bool(trail) and says_otherwise(trail, size) == 0


def _uses(frame: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> int:
    """How many calls of a function's body are handed a name."""
    return sum(
        any(isinstance(node, ast.Name) and node.id == name for given in [*call.args, *(k.value for k in call.keywords)]
            for node in ast.walk(given) if not isinstance(given, ast.Call))
        for call in ast.walk(frame)
        if isinstance(call, ast.Call)
    )  # fmt: skip


def written_trails(run: Run, row: Row, size: int, dim: int | None = None) -> Iterator[list[Spot]]:
    """Climbs from the arguments that can have given a row its size, each to where its number is at fault."""
    sites = run.chain(row)
    return (without_shared_constant(run, _by_key(run, sites, trail)) for trail in whole_trails(run, row, size, dim))


def _by_key(run: Run, sites: list[Site], trail: list[Spot]) -> list[Spot]:
    """The trail of the key where a number was looked up in a table of numbers: they are facts, the choice is the program's."""
    if len(trail) < 2 or not _is_table(trail[-1]):
        return trail
    for spot in reversed(trail[:-1]):
        match parsed(spot):
            case ast.Subscript(slice=ast.Name() | ast.Attribute() as key) if 0 <= spot.depth < len(sites):
                chosen = climb(run.sources, sites[spot.depth :], key)
                return [*trail[:-1], *chosen[1:]] if chosen and chosen[-1].kind in _WRITTEN_KINDS else trail
    return trail


def _is_table(spot: Spot) -> bool:
    """Whether a spot is a dict of several numbers."""
    match parsed(spot):
        case ast.Dict(values=[_, _, *_] as values):
            return all(isinstance(value, ast.Constant) and type(value.value) is int for value in values)
    return False


def parsed(spot: Spot) -> ast.expr | None:
    """The expression of a spot; None where it has no text that is one."""
    return parsed_text(spot.node_text)


def whole_trails(run: Run, row: Row, size: int, dim: int | None = None) -> Iterator[list[Spot]]:
    """Climbs from the arguments that can have given a row its size, each to where its number is written."""
    sites = run.chain(row)
    for argument in arguments(run, row, dim, size) if sites else ():
        if isinstance(argument, ast.Constant) and argument.value == size:
            yield [Spot(sites[0].file, sites[0].line, sites[0].function, str(size), "constant")]
        elif not isinstance(argument, ast.Constant):
            yield climb(run.sources, sites, argument, value=size)


def without_shared_constant(run: Run, trail: list[Spot]) -> list[Spot]:
    """The trail without a named number at its end that is read in several places: the use is at fault, not the number."""
    if len(trail) < 2 or trail[-1].kind not in _NAMED_KINDS:
        return trail
    if trail[-1].kind == "constant":
        if trail[-2].kind == "default" and isinstance(parsed(trail[-2]), ast.Name):
            return trail  # a default that is only another name for it
        name = _assigned_name(run, trail[-1])
        return trail[:-1] if name is not None and _reads(run, name, True) > 1 else trail
    # What stands behind the place that reads an entry is the life of the object that holds it.
    entries, field = _of_a_models_config(run, trail[-1]), field_of(run, trail[-1])
    for place in range(len(trail) - 2, -1, -1):
        name = _read_name(trail[place])
        if field is not None and name != field:
            continue  # the config that stands in another one is read, and not the number
        if name is not None and name in entries:
            return trail[: place + 1]
        if name is not None and not entries:
            return trail[: place + 1] if _reads(run, name, False) > 1 else trail
    return trail


def field_of(run: Run, spot: Spot) -> str | None:
    """The field of a class whose default a spot is."""
    statement = run.sources[spot.file].statement(spot.line) if spot.kind == "default" else None
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _of_a_models_config(run: Run, spot: Spot) -> frozenset[str]:
    """The entries of a library's config in whose call a number stands: the library's own layers read them as well."""
    for row in run.of_kind("construct"):
        place = run.location(row) if row.op.endswith("Config") else None
        if place is not None and place.file == spot.file and place.line == run.sources[spot.file].first_line(spot.line):
            return frozenset(row.args)
    return frozenset()


def _read_name(spot: Spot) -> str | None:
    """The entry that a spot reads: of ``cfg.batch_size`` and ``cfg["batch_size"]`` it is batch_size."""
    match parsed(spot):
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return None


def _assigned_name(run: Run, spot: Spot) -> str | None:
    """The name that a module's statement gives to a number."""
    tree = run.sources[spot.file].tree
    for statement in tree.body if tree else ():
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.lineno == spot.line:
            names = (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            return next(names, None)
    return None


def _reads(run: Run, name: str, constant: bool) -> int:
    """How many statements of the user's files read a constant, or an entry, of this name."""
    files = (run.sources[file] for file in run.recording.sources)
    return sum((file.names_read if constant else file.entries_read)[name] for file in files)


def decided(trail: list[Spot]) -> Spot | None:
    """The spot of a trail at which a number was decided: where it was computed, else where it is written down.

    A name for the size of something that came in decides nothing; handing that size to somebody does.
    """
    ends: list[Spot] = []
    if len(trail) > 2 and _only_makes(trail[-1]) and isinstance(parsed(trail[-2]), ast.Attribute):
        trail = trail[:-1]  # what the object answers was not found: it was asked here
    for spot in trail:
        if spot.kind == "return" and ends and _of_tensors(spot):
            break  # a helper made a tensor: it was called with the numbers
        if spot.kind in _WRITTEN_KINDS:
            ends.append(spot)
        if computes(spot):
            return ends[-1] if ends else None
    if trail and (trail[-1].kind == "data" or _asked_for(trail[-1])):
        counted = next((spot for spot in trail if spot.kind in _WRITTEN_KINDS and _is_choice(spot)), None)
        if counted is not None:
            return counted
        ends = [spot for spot in ends if spot.kind not in ("assign", "call")]
    return ends[-1] if ends else None


def _of_tensors(spot: Spot) -> bool:
    """Whether a spot divides tensors: what comes of `/` is no size."""
    node = parsed(spot)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def _only_makes(spot: Spot) -> bool:
    """Whether a spot makes an object of a class, ``FrameStack(env, k=4)``, and no number."""
    match parsed(spot):
        case ast.Call(func=ast.Name(id=name)):
            return spot.kind == "call" and name[:1].isupper()
    return False


def _asked_for(spot: Spot) -> bool:
    """Whether a number is what an object said when it was asked, a file's number of channels: nobody wrote it."""
    match parsed(spot):
        case ast.Call(func=ast.Attribute(), args=[], keywords=[]):
            return spot.kind in ("call", "assign")
    return False


def _is_choice(spot: Spot) -> bool:
    """Whether a number that was read off something was read off wrongly, if it is wrong.

    How many different things there are, where their numbers go further; the longest of the data at hand, where others are longer;
    the sizes of a weight, which stand the other way round in another layer.
    """
    node = parsed(spot)
    match node:
        case ast.Call(func=ast.Name(id="max"), args=[ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner)]):
            return isinstance(inner, ast.Call) and ast.unparse(inner.func) == "len"
        case ast.Call(func=ast.Name(id="max"), args=[ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="len"), _])]):
            return True
        case ast.Attribute(value=ast.Attribute(attr="weight"), attr="shape"):
            return spot.kind == "assign"
    match node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.SetComp() | ast.Set()]):
            return True
        case ast.Call(func=ast.Name(id="len"), args=[ast.Call(func=ast.Name(id="set") | ast.Attribute(attr="unique"))]):
            return True
        case ast.Call(func=ast.Attribute(attr="nunique")):
            return True
    return False


def computes(spot: Spot) -> bool:
    """Whether a spot reckons its number: ``side // 8``, and each part of ``(height // 8, width // 8)`` where that is handed over."""
    node = parsed(spot)
    parts = node.elts if isinstance(node, ast.Tuple) and spot.kind == "argument" else [node]
    return bool(parts) and all(isinstance(part, ast.BinOp) or _rounded(part) for part in parts)


def _rounded(node: ast.AST | None) -> bool:
    """Whether an expression rounds what it reckons, ``round(height / scale)``."""
    match node:
        case ast.Call(func=ast.Name(id="round" | "int"), args=[ast.BinOp(op=ast.Div())]):
            return True
        case ast.Call(func=ast.Attribute(attr="ceil" | "floor"), args=[ast.BinOp(op=ast.Div())]):
            return True
    return False


def _likely_first(row: Row, node: ast.Call, size: int) -> list[ast.expr]:
    """A call's arguments, that of a layer's parameter which is known to have been given this number before the others."""
    named = [(keyword.arg or "", keyword.value) for keyword in node.keywords]
    names = list(row.args) if row.kind == "construct" else []
    placed = [(names[place] if place < len(names) else "", given) for place, given in enumerate(node.args)]
    return [given for _, given in sorted([*placed, *named], key=lambda item: row.args.get(item[0]) != size)]


def arguments(run: Run, row: Row, dim: int | None, size: int = 0) -> Iterator[ast.expr]:
    """The argument expressions of the call a row stands for, literals of nested tuples opened.

    ``dim``: which size of the result is sought; of sizes handed over as one tuple it is this one.
    """
    node = parsed_text(run.expression(row))
    if node is None:
        return
    if not isinstance(node, ast.Call):
        return
    whole = (
        dim is not None
        and len(row.outputs[:1]) == 1
        and any(isinstance(value, list) and len(value) == len(row.outputs[0].last) for value in row.args.values())
    )
    if f"size[{dim}]" in row.args and dim is not None and dim < len(node.args):
        yield node.args[dim]
        return
    for argument in _likely_first(row, node, size):
        if isinstance(argument, ast.Tuple | ast.List):
            yield from argument.elts
        elif dim is not None and (joined := _of_joined(argument, dim)) is not None:
            yield joined
        elif whole and isinstance(argument, ast.Name | ast.Attribute):
            yield ast.Subscript(value=argument, slice=ast.Constant(value=dim), ctx=ast.Load())
        else:
            yield argument


def _of_joined(node: ast.expr, place: int) -> ast.expr | None:
    """The entry at a place of ``(batch,) + shape``; None where it is no such sum."""
    match node:
        case ast.BinOp(left=ast.Tuple(elts=first), op=ast.Add(), right=rest):
            if place < len(first):
                return first[place]
            return ast.Subscript(value=rest, slice=ast.Constant(value=place - len(first)), ctx=ast.Load())
    return None
