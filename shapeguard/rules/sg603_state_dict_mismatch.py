"""SG603 state-dict-mismatch

A checkpoint's tensor has another shape than the model's parameter.

## What it is

``load_state_dict`` copies tensor by tensor; names may be missing with ``strict=False``, shapes may not differ.

## Why it goes wrong

The model was built with other sizes than the one that was saved: another number of classes, another width or vocabulary.
``strict=False`` does not help: it is about names. ``from_pretrained`` refuses likewise, unless
``ignore_mismatched_sizes=True`` lets it make those parameters anew.

## Example

```python
from torch import nn

saved = nn.Linear(24, 10).state_dict()
nn.Linear(24, 4).load_state_dict(saved)
```

## Use instead

```python
from torch import nn

saved = nn.Linear(24, 10).state_dict()
model = nn.Linear(24, 4)
fitting = {name: value for name, value in saved.items() if value.shape == model.state_dict()[name].shape}
model.load_state_dict(fitting, strict=False)
```
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from shapeguard.analysis.blame import suspect
from shapeguard.analysis.class_settings import shorter_setting
from shapeguard.analysis.climb import Spot, climbs
from shapeguard.analysis.crash import crash_of
from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.lineage import follow
from shapeguard.analysis.models import config_of
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.presets import variant_chosen
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.source import given_at, parsed_text
from shapeguard.analysis.summands import larger_by
from shapeguard.analysis.untold import untold
from shapeguard.analysis.written import decided, written_trails
from shapeguard.rules.clash_finding import clash_finding, here, operands_text
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, OperandView, Severity
from shapeguard.values.recording import Row
from shapeguard.values.shapes import format_shape

_SIZES = {
    "in_features": 0, "out_features": 1, "in_channels": 0, "out_channels": 1, "num_embeddings": 0, "embedding_dim": 1,
}  # fmt: skip
CODE, NAME = "SG603", "state-dict-mismatch"
_OPTIMIZER = re.compile(r"torch[/\\]optim[/\\]")
_NAME = re.compile(r'"([^"]+)"')
_MISSING, _UNEXPECTED = (
    re.compile(rf'{which} key\(s\) in state_dict: ("[^"]+"(?:, "[^"]+")*)') for which in ("Missing", "Unexpected")
)
_WRAPPERS = {
    "module": "`DataParallel` or `DistributedDataParallel`", "_orig_mod": "`torch.compile`",
    "_fsdp_wrapped_module": "`FullyShardedDataParallel`",
}  # fmt: skip
# torch collects all misfits and tells them in this one form; the tensors themselves are in none of the frames.
_MISFIT = re.compile(r"size mismatch for (\S+): copying a param with shape torch\.Size\(\[([\d, ]*)\]\) from checkpoint, "
                     r"the shape in current model is torch\.Size\(\[([\d, ]*)\]\)")  # fmt: skip


def check(run: Run) -> Iterator[Finding]:
    """A failed ``load_state_dict``, or one that loaded nothing; a step of an optimizer with moments that were saved for other parameters."""
    moments = _stale_moments(run)
    if moments is not None:
        yield moments
        return
    yield from _nothing_loaded(run)
    frame = run.inner_frame
    if (published := _published(run)) is not None:
        yield published
        return
    if frame is None or run.failure is None or "load_state_dict" not in frame.function:
        return
    found = [
        (name, _shape(saved), _shape(model)) for name, saved, model in _MISFIT.findall(run.failure.exception.message)
    ]
    if found:
        yield _finding(run, found)
    elif (named := _named_otherwise(run)) is not None:
        yield named


def _named_otherwise(run: Run) -> Finding | None:
    """A checkpoint whose names are the model's but for a prefix: of ``DataParallel``, of ``torch.compile``, of a module around it."""
    frame, said = run.user_frame, run.failure.exception.message if run.failure is not None else ""
    absent, beyond = (
        _NAME.findall(part[1]) if (part := which.search(said)) else [] for which in (_MISSING, _UNEXPECTED)
    )
    for saved, other in ((True, beyond), (False, absent)):
        ours = absent if saved else beyond
        prefix = other[0].removesuffix(ours[0]) if other and ours else ""
        if not prefix or prefix == other[0] or [prefix + name for name in ours] != other:
            continue
        return _prefixed(
            prefix,
            saved=saved,
            location=run.statement_of(frame) if frame is not None else None,
            failed_at=run.failed_at,
        )
    return None


def _nothing_loaded(run: Run) -> Iterator[Finding]:
    """A checkpoint of which nothing was loaded for a prefix before its names, with ``strict=False``, by the last load of a model."""
    last = {row.owner: row for row in run.of_kind("checkpoint")}
    for row in last.values():
        saved, built = str(row.args.get("saved_prefix") or ""), str(row.args.get("model_prefix") or "")
        if saved or built:
            yield _prefixed(
                saved or built, saved=bool(saved), location=run.location(row), entries=row.args.get("entries")
            )


def _prefixed(
    prefix: str, *, saved: bool, location: Location | None, failed_at: Location | None = None, entries: object = None
) -> Finding:
    """Names of the checkpoint, or of the model, that have a prefix before them; of ``entries`` none was loaded, and nothing failed."""
    wrapper = _WRAPPERS.get(prefix.partition(".")[0], "a module around this one")
    return Finding(
        CODE,
        NAME,
        Severity.WARNING if entries else Severity.ERROR,
        (
            f"The checkpoint's names are the model's with `{prefix}` in front: it was saved from {wrapper}."
            if saved
            else f"The model's names are the checkpoint's with `{prefix}` in front: the model is {wrapper}, and the one that was saved was not."
        )
        + (f" Of its {entries} entries none was loaded, which `strict=False` lets pass." if entries else ""),
        location=location,
        failed_at=failed_at,
        fix=Fix(
            f'Take it off: `model.load_state_dict({{name.removeprefix("{prefix}"): value for name, value in state.items()}})`; '
            f"or save what is inside: `model.{prefix}state_dict()`."
            if saved
            else f"Load into what is inside (`model.{prefix.rstrip('.')}.load_state_dict(state)`), before it is wrapped."
        ),
    )


def _published(run: Run) -> Finding | None:
    """A ``from_pretrained`` that found parameters of other shapes than the model's which it was told to build."""
    told = run.inner_frame.locals if run.inner_frame is not None and not run.inner_frame.user else ()
    saved = {value.expression: value.shape or () for value in told if value.label == "saved"}
    built = {value.expression: value.shape or () for value in told if value.label == "built"}
    found = [(name, saved[name], built[name]) for name in saved if name in built and saved[name] != built[name]]
    if not found:
        return None
    name, ours, theirs = found[0]
    dim = _odd_dim(ours, theirs)
    sizes = (ours[dim], theirs[dim]) if dim is not None and len(ours) == len(theirs) else (len(ours), len(theirs))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{name}`{more}: the checkpoint has {format_shape(ours)}, and the model that this call builds {format_shape(theirs)}.",
        location=here(run),
        failed_at=run.failed_at,
        operands=(OperandView("checkpoint", name, ours), OperandView("model", name, theirs)),
        mismatch=Mismatch("dim" if len(ours) == len(theirs) else "rank", sizes, dim),
        fix=Fix(
            "Where this is a head that is trained anew, pass `ignore_mismatched_sizes=True`; else build the model with the "
            "checkpoint's sizes: leave the setting that differs out of the call or the config (`num_labels`, `id2label`, "
            "`vocab_size`, `image_size`), and resize afterwards."
        ),
    )


def _stale_moments(run: Run) -> Finding | None:
    """A step that failed because the optimizer's state, which was loaded, is not of the shapes of its parameters."""
    inside = [frame for frame in run.frames if _OPTIMIZER.search(frame.file)]
    failed = failed_op(run) if inside else None
    loads = [place for file in run.recording.sources for place in _loads(run, file)] if failed is not None else []
    if failed is None or failed.clash is None or failed.clash.kind not in ("dim", "rank") or not loads:
        return None
    crash = crash_of(run)
    return clash_finding(
        run, failed, CODE, NAME,
        f"The optimizer's step meets {operands_text(run, failed)}: its state was loaded from a checkpoint of another model.",
        crash.suspect if crash is not None else suspect(run, failed),
        "Load the optimizer's state only for the very parameters it was saved with; for new or resized layers begin with a new one.",
        location=loads[-1],
    )  # fmt: skip


def _loads(run: Run, file: str) -> Iterator[Location]:
    """The calls by which an optimizer's state was loaded, as far as the names tell."""
    tree = run.sources[file].tree
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="load_state_dict")):
                if re.search(r"opt", ast.unparse(owner).rpartition(".")[2], re.IGNORECASE):
                    yield run.place(file, node.lineno)


def _odd_dim(saved: tuple[int, ...], built: tuple[int, ...]) -> int | None:
    """The first dim in which two shapes differ."""
    return next((dim for dim, (ours, theirs) in enumerate(zip(saved, built, strict=False)) if ours != theirs), None)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(",") if size.strip())


def _finding(run: Run, found: list[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> Finding:
    name, saved, built = found[0]
    dim = _odd_dim(saved, built)
    sizes = (saved[dim], built[dim]) if dim is not None else (len(saved), len(built))
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{name}`{others}: the checkpoint has {sizes[0]} where the model has {sizes[1]}"
        + (f" (dim {dim})." if dim is not None else " dimensions."),
        location=_cut_at(run, name, dim)
        or _not_resized(run, sizes[0])
        or _replaced(run, name, saved)
        or (shorter_setting(run, sizes[0] - sizes[1]) if dim is not None else None)
        or _computed_at(run, built, sizes[1])
        or (
            _told_at(run, built, sizes[1]) or _built_for_it(run, built, dim is None)
            if dim == 1 or len({name.rpartition(".")[0] for name, *_ in found}) > 1 or "embed" in name
            else None
        )
        or (larger_by(run, *sizes) if dim is not None else None)
        or (_config(run) if len({name.rpartition(".")[0] for name, *_ in found}) > 1 else None)
        or here(run),
        failed_at=run.failed_at,
        operands=(OperandView("checkpoint", name, saved), OperandView("model", name, built)),
        mismatch=Mismatch("dim" if dim is not None else "rank", sizes, dim),
        fix=Fix(
            "Build the model with the checkpoint's sizes, or leave the tensors that differ out of what is loaded "
            "(a new head is trained anyway). `strict=False` alone does not accept other shapes."
        ),
    )


def _config(run: Run) -> Location | None:
    """Where the config was made of the library's model that the failing statement loads into: it is not the checkpoint's own."""
    frame = run.user_frame
    loaded = [run.row(value.origin) for value in frame.operands if value.label == "self"] if frame is not None else []
    loaded += [run.row(value.origin) for value in frame.operands[:1]] if frame is not None else []
    config = next((found for row in loaded if row is not None and (found := config_of(run, row)) is not None), None)
    return run.location(config) if config is not None else None


def _cut_at(run: Run, name: str, dim: int | None) -> Location | None:
    """Where the program gave a saved tensor its size on the way to the model: split a fused weight, cut a table, joined two."""
    frame = run.inner_frame
    saved = next((value for value in frame.locals if value.label == name), None) if frame is not None else None
    for hop in follow(run, saved, dim) if saved is not None and dim is not None else ():
        if hop.changed and hop.size_before is not None and hop.row.kind in ("op", "concat"):
            return run.location(hop.row)
    return None


def _not_resized(run: Run, saved: int) -> Location | None:
    """Where the failing function built the model, if the vocabulary of the one that was saved had been resized to as many rows."""
    frame = run.user_frame
    resized = next(
        (row for row in run.of_kind("vocabulary") if "resize" in row.op and row.args.get("after") == saved), None
    )
    owner = run.row(resized.owner) if resized is not None else None
    for row in reversed(list(run.of_kind("construct"))) if owner is not None and frame is not None else ():
        if owner is None or row.op != owner.op or row.id == owner.id:
            continue
        for step, site in enumerate(run.chain(row)):
            if frame is not None and (site.file, site.function) == (frame.file, frame.function):
                return run.location(row, step)
    return None


def _replaced(run: Run, name: str, saved: tuple[int, ...]) -> Location | None:
    """Where the program put a table of the saved shape in the place of the model's own, ``emb.position_embeddings = ...``."""
    layer = name.rpartition(".")[0].rpartition(".")[2]
    for row in reversed([*run.of_kind("op")]) if layer else ():
        place = run.location(row) if row.outputs and row.outputs[0].last == saved else None
        if place is not None and re.search(rf"\.{re.escape(layer)} = ", place.source):
            return place
    return None


def _computed_at(run: Run, shape: tuple[int, ...], size: int) -> Location | None:
    """Where the model's size was computed from data (a vocabulary's length, say) rather than chosen as a number.

    A chosen number differs from the checkpoint's on purpose, as a new head does; a computed one came out differently.
    """
    built = [row for row in run.of_kind("construct") if set(shape) <= {n for n in row.args.values() if type(n) is int}]
    if any(run.at_one_place(row, built[-1]) and row.args == built[-1].args for row in built[:-1]):
        return None  # the saved model was built by the same line of the same numbers: it was changed since
    trails = written_trails(run, built[-1], size) if built and shape else ()
    computed = [spot for trail in trails for spot in trail if spot.node_text.startswith("len(")]
    if not computed:
        return None
    counted = _counted_made(run, built[-1], computed[-1])
    made, apart = _made_here(run, computed[-1]), _built_apart(run, built[-1])
    sites = run.chain(built[-1])
    if not any(
        (site.file, run.sources[site.file].first_line(site.line)) == (computed[-1].file, computed[-1].line)
        for site in sites
    ):
        apart = None  # what counted stands elsewhere: there it came out otherwise
    if apart is not None and made is not None and made.function != apart.function:
        made = None  # what builds both models made it, for the one as for the other
    counted = counted or made or apart
    return counted or run.at(computed[-1])


def _told_at(run: Run, shape: tuple[int, ...], size: int) -> Location | None:
    """Where the model was told a size that is no new head's: of what comes in, or of layers all through it."""
    sizes = (("in_channels", "out_channels"), ("in_features", "out_features"))
    for row in reversed(list(run.of_kind("construct"))):
        if row.op == "Embedding" and (row.args.get("num_embeddings"), row.args.get("embedding_dim")) == shape:
            return _number(run, row, size)
        if len(shape) > 1 and any(
            (row.args.get(came), row.args.get(went)) == (shape[1], shape[0]) for came, went in sizes
        ):
            return _number(run, row, size)
    return None


def _number(run: Run, row: Row, size: int) -> Location | None:
    """Where the number is written that a layer was told, however often it is read: the whole model is not the checkpoint's."""
    call = call_of(run.expression(row))
    names = [name for name, value in row.args.items() if name in _SIZES and value == size]
    for name in names:
        given = given_at(call, name, _SIZES[name]) if call is not None else None
        for trail in climbs(run.sources, run.chain(row), given, value=size) if given is not None else ():
            if (spot := decided(list(trail.spots))) is not None:
                return untold(run, row, trail.spots) or variant_chosen(run, row, run.at(spot)) or run.at(spot)
    return None


def _built_for_it(run: Run, shape: tuple[int, ...], other_rank: bool) -> Location | None:
    """Where the failing function built the model, of whose own parameters one was made in this shape; of another rank, where that was."""
    frame = run.user_frame
    made = [row for row in run.of_kind("op") if row.outputs and row.outputs[0].last == shape and not row.inputs]
    for row in reversed(made if frame is not None else ()):
        for step, site in enumerate(run.chain(row)):
            own = other_rank and step == 0 and site.function.endswith(".__init__")
            above = frame is not None and step and (site.file, site.function) == (frame.file, frame.function)
            if own or above:
                return run.location(row, step)
    return None


def _counted_made(run: Run, row: Row, computed: Spot) -> Location | None:
    """Where the object was made, outside of the model, whose length was taken: a tokenizer built from other texts, say."""
    sites = run.chain(row)[computed.depth or 0 :]
    counted = next(
        (n.args[0] for n in ast.walk(ast.parse(computed.node_text)) if isinstance(n, ast.Call) and n.args), None
    )
    while isinstance(counted, ast.Attribute | ast.Subscript):
        counted = counted.value
    for trail in climbs(run.sources, sites, counted, whole=True) if isinstance(counted, ast.Name) and sites else ():
        handed = [spot for spot in trail.spots if spot.kind == "argument"]
        after = trail.spots[trail.spots.index(handed[-1]) + 1 :] if handed else ()
        made = next((spot for spot in after if spot.kind in ("assign", "attribute") and "(" in spot.node_text), None)
        if made is not None:
            return run.at(made)
    return None


def _made_here(run: Run, computed: Spot) -> Location | None:
    """Where the function that builds the model made, with a call, the object whose length it takes: a vocabulary of other texts."""
    match parsed_text(computed.node_text):
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]) if computed.line:
            function = run.sources[computed.file].function_at(computed.line)
            for node in ast.walk(function) if function is not None else ():
                called = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
                if called and isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
                    return run.place(computed.file, node.lineno, computed.function)
    return None


def _built_apart(run: Run, row: Row) -> Location | None:
    """The call of the function that builds the model, where an earlier model was built by another call of the same line."""
    earlier = (other for other in run.rows[: row.id] if other.kind == "construct" and run.at_one_place(other, row))
    places = (callers_part(run, row, other) for other in earlier)
    return next((place for place in places if place is not None), None)
