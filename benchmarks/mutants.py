"""How often the first finding names the line that was changed: mended programs, each with one mistake put in at random.

The programs are the ``fixed.py`` of ``tests/cases``; a mistake is a number that is another one, an op that is missing, an argument
that is left out, another dim, or two arguments in the other's place. Of those that then crash it is counted how often the first
finding stands on the changed statement, and how often the traceback's last line in the program does. POSIX only: runs are forked.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
_DROPPED = frozenset(
    {"unsqueeze", "squeeze", "transpose", "flatten", "t", "permute", "repeat_interleave", "expand", "mean", "sum", "view", "reshape",
     "chunk", "argmax", "repeat", "movedim", "unflatten"}
)  # fmt: skip
_LEFT_OUT = frozenset(
    {"batch_first", "dim", "keepdim", "padding", "stride", "drop_last", "bidirectional", "collate_fn"}
)
_LAYERS = frozenset({"Linear", "Conv1d", "Conv2d"})
_LIBRARIES = frozenset({"torch", "F", "nn", "np"})
_ELSEWHERE = ("spawn", "distributed", "multiprocessing", "threading", "num_workers")
_NOT_OF_SHAPES = frozenset({"TypeError", "NameError", "AttributeError", "KeyError"})
_LEAST, _SECONDS = 3, 45


class Change(NamedTuple):
    """A mistake: its kind, the line, where the text begins and ends (line, column in bytes), and what stands there now."""

    kind: str
    line: int
    begin: tuple[int, int]
    end: tuple[int, int]
    text: str


def changes(source: str) -> Iterator[Change]:
    """All mistakes that could be put into a program."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(args=args, keywords=words) | ast.ClassDef(bases=args, keywords=words):
                for given in (*args, *(word.value for word in words)):
                    yield from _another_number(given)
        match node:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                yield from _another_number(value)
            case ast.arguments(defaults=defaults, kw_defaults=more):
                for value in (*defaults, *(one for one in more if one is not None)):
                    yield from _another_number(value)
            case ast.keyword(arg="dim", value=ast.Constant(value=int(dim)) as value):
                yield _put("dim", value, str(dim - 1 if dim else 1))
            case ast.Call():
                yield from _of_a_call(source, node)


def _another_number(node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= _LEAST:
        for other in (node.value + 1, node.value * 2, node.value // 2):
            yield _put("number", node, str(other))


def _of_a_call(source: str, node: ast.Call) -> Iterator[Change]:
    function = node.func
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    if isinstance(function, ast.Attribute) and name in _DROPPED and ast.unparse(function.value) not in _LIBRARIES:
        text = ast.get_source_segment(source, function.value) or ""
        yield _put("op missing", node, text)._replace(line=function.end_lineno or node.lineno)
    for word in node.keywords:
        text, whole = ast.get_source_segment(source, word) or "", ast.get_source_segment(source, node) or ""
        if word.arg in _LEFT_OUT and f", {text}" in whole:
            yield _put("argument left out", node, whole.replace(f", {text}", "", 1))._replace(line=word.lineno)
    if name in _LAYERS and len(node.args) > 1 and ast.dump(node.args[0]) != ast.dump(node.args[1]):
        first, second = (ast.get_source_segment(source, arg) or "" for arg in node.args[:2])
        end = (node.args[1].end_lineno or 0, node.args[1].end_col_offset or 0)
        yield _put("arguments swapped", node.args[0], f"{second}, {first}")._replace(end=end)


def _put(kind: str, node: ast.expr, text: str) -> Change:
    begin, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return Change(kind, node.lineno, begin, end, text)


def changed(source: str, change: Change) -> str:
    """The program with the mistake."""
    lines = source.encode().splitlines(keepends=True)
    places = [sum(map(len, lines[: line - 1])) + column for line, column in (change.begin, change.end)]
    whole = source.encode()
    return (whole[: places[0]] + change.text.encode() + whole[places[1] :]).decode()


def _parses(source: str) -> bool:
    """Whether a text is still a program: what an op was called on may lose its brackets with the op."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def statement(source: str, line: int) -> set[int]:
    """The lines of the statement that covers a line, of a compound one those of its head."""
    found = {line}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            span = set(range(node.lineno, max(last, node.lineno) + 1))
            found |= span if line in span else set()
    return found


def run(folder: Path) -> dict[str, object] | None:
    """The report of a guarded run of ``script.py`` in a folder; None where it was not written in time."""
    from tests.warm import _run

    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS // 2, _SECONDS // 2))
        _run(str(folder), ["run", "--out", "r", "script.py"], str(folder / "out"), str(folder / "err"))
    ends = time.monotonic() + _SECONDS
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > ends:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)
    report = folder / "r" / "report.json"
    return json.loads(report.read_text()) if report.exists() else None


def last_line(folder: Path) -> int:
    """The last line of the program that the traceback names."""
    said = [line for line in (folder / "err").read_text(errors="replace").splitlines() if 'script.py", line ' in line]
    return int(said[-1].partition('script.py", line ')[2].split(",")[0]) if said else 0


def main() -> None:
    """Mistakes put in, runs, and the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--programs", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--misses", action="store_true", help="print each mistake that was not found")
    asked = options.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", NO_COLOR="1")
    import torch
    import transformers

    print(f"torch {torch.__version__}, transformers {transformers.__version__}, seed {asked.seed}")
    draw = random.Random(asked.seed)
    programs = [
        path
        for path in sorted(ROOT.glob("tests/cases/*/fixed.py"))
        if not any(w in path.read_text() for w in _ELSEWHERE)
    ]
    all_of, ours, theirs = Counter[str](), Counter[str](), Counter[str]()
    for program in draw.sample(programs, min(asked.programs, len(programs))):
        source = program.read_text()
        by_kind: dict[str, list[Change]] = {}
        for change in changes(source):
            by_kind.setdefault(change.kind, []).append(change)
        for kind in draw.sample(sorted(by_kind), min(2, len(by_kind))):
            change = draw.choice(by_kind[kind])
            mutant = changed(source, change)
            if not _parses(mutant):
                continue
            with tempfile.TemporaryDirectory() as kept:
                folder = Path(kept)
                (folder / "script.py").write_text(mutant)
                report = run(folder)
                exception = report.get("exception") if report is not None else None
                if report is None or not isinstance(exception, dict) or exception["type"] in _NOT_OF_SHAPES:
                    continue
                lines = statement(mutant, change.line)
                findings = report["findings"]
                first = findings[0] if isinstance(findings, list) and findings else {}
                named = (first.get("location") or {}).get("line") in lines
                all_of[kind] += 1
                ours[kind] += named
                theirs[kind] += last_line(folder) in lines
                if asked.misses and not named:
                    print(
                        f"{program.parent.name}: line {change.line}, {kind}, told {first.get('code')} {first.get('location')}"
                    )
    for kind in sorted(all_of):
        print(f"{kind:20} {ours[kind]:4} of {all_of[kind]:4}   traceback {theirs[kind]:4}")
    print(f"{'together':20} {ours.total():4} of {all_of.total():4}   traceback {theirs.total():4}")


if __name__ == "__main__":
    main()
