"""The climber: from what is wanted to the places it can have come from, one hop at a time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from shapeguard.analysis.climbing import calls, names, numbers, parts
from shapeguard.analysis.climbing.bindings import Binding
from shapeguard.analysis.climbing.chained import Chained
from shapeguard.analysis.climbing.code import Codebase
from shapeguard.analysis.climbing.scopes import Frame, Hop, Scope, Want
from shapeguard.analysis.climbing.spots import Kind, Spot
from shapeguard.values.recording import Site

Known = Callable[[str, str, str], int | None]  # file, function, expression -> the value seen there
_SAID: frozenset[Kind] = frozenset({"assign", "attribute", "argument", "default", "constant", "entry", "option"})
MAX_STEPS = 2000  # of one climb, over all its branches
MAX_NESTING = 14  # of questions asked on the way to an answer
MAX_HOPS = 40
MAX_DEEP = 60  # hops of nested questions together: Python's own stack is bounded


class Climber:
    """One climb: the user's files, the call chain, what is known of values, and a bound on the work."""

    def __init__(self, base: Codebase, chain: Sequence[Site], known: Known | None = None) -> None:
        self.base = base
        self.chained = Chained(base, chain)
        self.known = known
        self._left = MAX_STEPS
        self._nesting = 0
        self._deep = 0
        self._cut = 0  # how often a bound was met
        self.bound: dict[tuple[str, ast.AST | None, Frame], list[Binding]] = {}  # found already
        self.made: dict[ast.expr, ast.Call] = {}  # the calls that default factories stand for: one node each
        self._things: dict[Want, list[Want]] = {}

    def steps(self, want: Want, whole: bool = False) -> list[Hop]:
        """The next hops; none where the climb ends. ``whole``: an object is sought, not the ints it was made of."""
        self._left -= 1
        if self._left < 0:
            return []
        return self._fitting(self._hops(want, whole), want)

    def _hops(self, want: Want, whole: bool) -> list[Hop]:
        match want.node:
            case ast.Name():
                return names.hops(self, want, whole)
            case ast.Attribute() | ast.Subscript():
                return parts.hops(self, want, whole)
            case ast.Call():
                return calls.hops(self, want, whole)
            case ast.IfExp(body=body, orelse=orelse):
                return [self.on(want, body), self.on(want, orelse)]
            case ast.BoolOp(values=values):
                return [self.on(want, value) for value in values]
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return [self.on(want, value)]
        if want.path:
            return parts.project(self, want)
        return [] if whole else numbers.operands(self, want)

    def _fitting(self, hops: list[Hop], want: Want) -> list[Hop]:
        """Drop hops that lead to another value than the wanted one, as long as others are left."""
        if len(hops) < 2:
            return hops
        fits = [
            hop for hop in hops if not (isinstance(n := hop.want and hop.want.node, ast.Constant) and n.value is None)
        ]
        hops = fits or hops
        if want.value is None or self._nesting >= MAX_NESTING:
            return hops
        fits = [hop for hop in hops if hop.want is None or not self._contradicts(hop.want)]
        return fits or hops

    def _contradicts(self, want: Want) -> bool:
        if want.value is None:
            return False
        found = self.possible(want)
        return found is not None and want.value not in found

    def possible(self, want: Want) -> frozenset[int] | None:
        """The ints that a wanted value can be; None where that is not known."""
        if self._nesting >= MAX_NESTING:
            return None
        self._nesting += 1
        try:
            return numbers.possible(self, replace(want, value=None))
        finally:
            self._nesting -= 1

    def things(self, node: ast.AST, scope: Scope) -> list[Want]:
        """What an expression can stand for: the literals, calls, definitions and instances at the end of its names."""
        want = Want(node, scope)
        if want in self._things:
            return self._things[want]
        if self._nesting >= MAX_NESTING:
            self._cut += 1
            return []
        self._nesting += 1
        cut = self._cut
        try:
            found = self._ends(want, 0, set())
        finally:
            self._nesting -= 1
        if cut == self._cut:  # an answer that a bound cut short may be longer when asked for from elsewhere
            self._things[want] = found
        return found

    def _ends(self, want: Want, hops: int, seen: set[Want]) -> list[Want]:
        if hops > MAX_HOPS or self._deep > MAX_DEEP:
            self._cut += 1
        if want in seen or hops > MAX_HOPS or self._deep > MAX_DEEP:
            return []
        seen.add(want)
        self._deep += 1
        try:
            steps = self.steps(want, whole=True)
            ends = [end for hop in steps if hop.want is not None for end in self._ends(hop.want, hops + 1, seen)]
        finally:
            self._deep -= 1
        return ends if steps or want.path else [want]

    # -- making hops -----------------------------------------------------------------------------------------------

    def on(self, want: Want, node: ast.AST) -> Hop:
        """The same part of another node of the same scope."""
        return Hop(None, replace(want, node=node, operand=False))

    def spot(self, node: ast.AST | None, scope: Scope, kind: Kind, text: ast.AST | None = None) -> Spot:
        """The place of a node; one that stands in no file is where its scope says that it is read."""
        code = self.base[scope.file]
        place = node if node in code.parents else scope.at
        frame: Frame = code.frame_of(place) if place is not None else scope.frame
        shown = text if text is not None else node
        written = ast.unparse(shown) if isinstance(shown, ast.expr) else ""
        line = code.line_of(place)
        told = (
            part for part in (shown, place) if kind in _SAID and part in code.parents and code.line_of(part) == line
        )
        part = getattr(next(told, None), "lineno", 0)
        return Spot(scope.file, line, code.qualname(frame), written, kind, scope.depth, part)

    def scope_of(self, file: str, frame: Frame) -> Scope:
        """The scope of a function: on the call chain when it stands there."""
        return Scope(file, frame, depth=self.chained.depth_of(frame))
