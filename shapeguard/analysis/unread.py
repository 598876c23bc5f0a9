"""What a function is given and never reads: it was to choose by it."""

from __future__ import annotations

import ast

from shapeguard.analysis.run import Run
from shapeguard.analysis.sides import Side
from shapeguard.values.findings import Location


def never_looked_up(run: Run, table: Side) -> Location | None:
    """Where the failing function takes a table as it comes, if it is given positions and never reads them."""
    frame = run.user_frame
    function = run.sources[frame.file].function_at(frame.line) if frame is not None else None
    if frame is None or function is None or not table.hops:
        return None
    read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    given = [arg.arg for arg in (*function.args.args, *function.args.kwonlyargs) if "position" in arg.arg]
    taken = run.location(table.hops[0].row)
    here = taken is not None and taken.function == frame.function
    return taken if given and here and not read & set(given) else None
