"""A name that a model was sized by and that was given something new since: another vocabulary, another set of labels."""

from __future__ import annotations

import ast

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import SourceFile
from shapeguard.values.findings import Location
from shapeguard.values.recording import Site


def bound_again(run: Run, failed: FailedOp) -> Location | None:
    """The later of two calls of one function whose results have one name: by the first the failing layer's model was sized.

    ``encoders = fit(train)``, ``model = Net(len(encoders[...]))``, ``encoders = fit(test)``: what comes now was counted anew.
    """
    built = construct_row(run, failed)
    for site in run.chain(built) if built is not None else ():
        source = run.sources[site.file]
        statement = source.statement(site.line)
        running = [frame.line for frame in run.frames if (frame.file, frame.function) == (site.file, site.function)]
        if statement is None or not running:
            continue
        read = {
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        for name in sorted(read):
            given = _given(source, site, name)
            before, after = (
                [(line, called) for line, called in given if line < statement.lineno],
                [(line, called) for line, called in given if statement.lineno < line <= running[-1]],
            )
            if before and after and before[-1][1] == after[-1][1]:
                return run.place(site.file, after[-1][0], site.function)
    return None


def _given(source: SourceFile, site: Site, name: str) -> list[tuple[int, str]]:
    """The lines in the function of a site in which a name got the result of a call, and what was called."""
    here = source.function_at(site.line)
    found = []
    for node in ast.walk(here or source.tree or ast.Module([], [])):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Call(func=ast.Name(id=called))) if target == name:
                if source.function_at(node.lineno) is here:
                    found.append((node.lineno, called))
    return sorted(found)
