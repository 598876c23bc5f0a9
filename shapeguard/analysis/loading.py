"""A failure while a DataLoader made a batch: in which frame it was iterated, where it was built, what a worker said."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple, TypeGuard

from shapeguard.analysis.climb import chain_of_frames, climbs
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import SourceFile, parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import FrameInfo, NamedValue, Row, TensorArg

_DATA = re.compile(r"torch[/\\]utils[/\\]data[/\\]")
_REMOTE = re.compile(r'^\s*File "(?P<file>.+?)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_WRAPPERS = frozenset(
    {"enumerate", "iter", "next", "tqdm", "islice", "list", "zip", "cycle", "track", "prepare", "trange"}
)


class RemoteFrame(NamedTuple):
    """A frame of a traceback that came as text from a worker."""

    file: str
    line: int
    function: str


def iterating_frame(run: Run) -> FrameInfo | None:
    """The user's frame that asked a DataLoader for the batch that could not be made."""
    previous = None
    for frame in run.frames:
        if _DATA.search(frame.file):
            return previous
        if frame.user:
            previous = frame
    return None


def in_default_collate(run: Run) -> bool:
    """Whether torch's own collation was at work when it failed, here or in a worker."""
    places = [frame.file for frame in run.frames] + [frame.file for frame in remote_frames(run)]
    return any(_DATA.search(place) and place.replace("\\", "/").endswith("_utils/collate.py") for place in places)


def remote_frames(run: Run) -> list[RemoteFrame]:
    """The frames that a worker's traceback names, outermost first."""
    if run.failure is None or not run.failure.exception.message.startswith("Caught "):
        return []
    found = _REMOTE.finditer(run.failure.exception.message)
    return [RemoteFrame(match["file"], int(match["line"]), match["function"]) for match in found]


def user_remote_frame(run: Run) -> RemoteFrame | None:
    """The innermost frame of the user's own code in a worker's traceback."""
    return next((frame for frame in reversed(remote_frames(run)) if frame.file in run.sources), None)


def loader_built(run: Run) -> Location | None:
    """The statement that built the DataLoader (or the sampler, or the collator kept in a variable of its own)."""
    frame = iterating_frame(run)
    if frame is None:
        return None
    for node in _iterated(run, frame):
        trails = climbs(run.sources, chain_of_frames(run, frame), node, whole=True)
        known = trails[0].spots if trails else ()
        spots = [spot for spot in known if spot.kind not in ("use", "outside", "parameter", "argument")]
        if not spots and len(known) > 1 and isinstance(parsed_text(known[-1].node_text), ast.Call):
            spots = [known[-1]]  # built where it was handed over
        if spots:
            return run.at(spots[-1])
    return None


def collated_at(run: Run, loader: Row) -> Location | None:
    """The one statement of the user's collate function in which a processor or tokenizer made the tensors of a batch.

    What they make is made outside of torch: no event tells of it.
    """
    built = run.row(loader.owner)
    call = parsed_text(run.expression(built)) if built is not None and loader.kind == "loader" else None
    given = [k.value for k in call.keywords if k.arg == "collate_fn"] if isinstance(call, ast.Call) else []
    names = {node.id for value in given for node in ast.walk(value) if isinstance(node, ast.Name)}
    found = []
    for file, node in run.nodes(ast.stmt):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names:
            found += [run.place(file, call.lineno) for call in ast.walk(node) if _makes_tensors(call)]
    return found[0] if len(found) == 1 else None


def sample_entry(run: Run, loader: Row, taken: TensorArg | NamedValue) -> Location | None:
    """The line of the data set's ``__getitem__`` that made one of the entries which default collation put together, of numbers."""
    built = run.row(loader.owner)
    call = parsed_text(run.expression(built)) if built is not None and loader.kind == "loader" else None
    if built is None or not isinstance(call, ast.Call) or any(word.arg == "collate_fn" for word in call.keywords):
        return None
    given = call.args[0] if call.args else next((word.value for word in call.keywords if word.arg == "dataset"), None)
    shape = taken.last if isinstance(taken, TensorArg) else taken.shape
    alike = [at for at, out in enumerate(loader.outputs) if (out.last, out.dtype) == (shape, taken.dtype)]
    if given is None or not alike:
        return None
    for trail in climbs(run.sources, run.chain(built), given, whole=True):
        made = parsed_text(trail.spots[-1].node_text)
        name = made.func.id if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) else ""
        for file, node in run.nodes(ast.ClassDef):
            if node.name == name:
                line = _entry_line(node, alike[0])
                return run.place(file, line, f"{name}.__getitem__") if line else None
    return None


def _entry_line(dataset: ast.ClassDef, at: int) -> int:
    """Where ``__getitem__`` gave the entry it returns at a place its value; 0 where that is not seen."""
    method = next(
        (node for node in dataset.body if isinstance(node, ast.FunctionDef) and node.name == "__getitem__"), None
    )
    returned = [node.value for node in ast.walk(method or ast.Pass()) if isinstance(node, ast.Return)]
    if method is None or len(returned) != 1 or not isinstance(returned[0], ast.Tuple) or at >= len(returned[0].elts):
        return 0
    entry = returned[0].elts[at]
    names = {node.id for node in ast.walk(entry) if isinstance(node, ast.Name)}
    if not isinstance(entry, ast.Name):
        return entry.lineno
    bound = [
        node.lineno
        for node in ast.walk(method)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if names & {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    ]
    return max(bound, default=entry.lineno)


def _makes_tensors(node: ast.AST) -> TypeGuard[ast.Call]:
    """``processor(..., padding=..., return_tensors="pt")``."""
    return isinstance(node, ast.Call) and any(keyword.arg == "return_tensors" for keyword in node.keywords)


def _iterated(run: Run, frame: FrameInfo) -> list[ast.expr]:
    """What the statement of a frame iterates over, ``enumerate`` and the like taken off."""
    loop = loop_at(run.sources[frame.file], frame.line)
    if loop is not None:
        return _bare(loop.iter)
    statement = run.sources[frame.file].statement(frame.line)
    if statement is None:
        return []
    comprehensions = [node.iter for node in ast.walk(statement) if isinstance(node, ast.comprehension)]
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call) and _name(node) in _WRAPPERS]
    return [bare for node in (*comprehensions, *calls) for bare in _bare(node)]


def loop_at(source: SourceFile, line: int) -> ast.For | None:
    """The ``for`` whose head stands at this line."""
    for node in source.nodes:
        if isinstance(node, ast.For) and node.lineno <= line <= (node.iter.end_lineno or node.lineno):
            return node
    return None


def _bare(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Call) and _name(node) in _WRAPPERS:
        return [bare for argument in node.args for bare in _bare(argument)]
    return [node]


def _name(node: ast.Call) -> str:
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )
