"""SG104 token-id-out-of-vocab

A token id is not less than the number of rows of the embedding.

## What it is

A tokenizer with n entries gives ids from 0 to n - 1; the model's embedding must have a row for each. Tokens that are added to
the tokenizer get the first ids past the end of the table.

## Why it goes wrong

The tokenizer and the model are two objects, and only the tokenizer learns of the new token. The other ways are a tokenizer of
another checkpoint, a padding id that is no token of the model, and labels (with their -100) fed as inputs.

## Example

```python
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<eos>": 0, "a": 1, "b": 2}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>")
model = LlamaForCausalLM(LlamaConfig(vocab_size=3, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2))
tokenizer.add_special_tokens({"pad_token": "<pad>"})
batch = tokenizer(["a b a", "b"], padding=True, return_tensors="pt", return_token_type_ids=False)
model(**batch)
```

## Use instead

```python
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<eos>": 0, "a": 1, "b": 2}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>")
model = LlamaForCausalLM(LlamaConfig(vocab_size=3, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2))
tokenizer.add_special_tokens({"pad_token": "<pad>"})
model.resize_token_embeddings(len(tokenizer))
batch = tokenizer(["a b a", "b"], padding=True, return_tensors="pt", return_token_type_ids=False)
model(**batch)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.batch import inputs_of, tokenizer_of
from shapeguard.analysis.blame import suspect
from shapeguard.analysis.built import construct_row
from shapeguard.analysis.caches import named
from shapeguard.analysis.climb import climbs, first_named, named_at
from shapeguard.analysis.contents import FROM_OUTSIDE, made_at
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lookup import Lookup, failed_lookup, fill_of, given_ids, overwritten, tokenizer_behind
from shapeguard.analysis.models import built_model, config_of
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.presets import chosen_by_name
from shapeguard.analysis.ranks import handed_in
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.analysis.written import whole_trails, written
from shapeguard.rules.clash_finding import here
from shapeguard.values.findings import Finding, Fix, Location, Mismatch, Severity
from shapeguard.values.recording import Row

_LOADED = ".load("
_LARGEST = {"int8": 2**7, "int16": 2**15}
CODE, NAME = "SG104", "token-id-out-of-vocab"


class Stopped(NamedTuple):
    """A generation that was not begun: the id that has no row, and the rows there are."""

    row: Row
    odd: int
    rows: int


def check(run: Run) -> Iterator[Finding]:
    """A lookup in a table of tokens that failed for an id outside of it."""
    lookup = failed_lookup(run)
    stopped = stopped_at_the_door(run)
    if stopped is not None:
        yield _stopped(run, stopped)
    refused = _refused_labels(run) if lookup is None else None
    if refused is not None:
        yield refused
    if lookup is None or lookup.role != "token":
        return
    vocabulary = _vocabulary(run, lookup)
    added = _added(run, lookup.rows, lookup.odd)
    shrunk = _taken_away(run, lookup) if added is None else None
    needed = lookup.odd + (lookup.odd >= lookup.rows)  # rows; a negative id needs none that there are
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        _message(run, lookup, vocabulary, added),
        location=run.location(shrunk) if shrunk is not None else _location(run, lookup, vocabulary, added),
        failed_at=run.failed_at,
        operands=lookup.failed.views(run),
        mismatch=Mismatch("index", (vocabulary or needed, lookup.rows), 0),
        fix=_fix(run, lookup.odd, added)
        if shrunk is None
        else Fix(
            f"Leave the table at its {shrunk.args['before']} rows: `len(tokenizer)` counts the tokens, and where their ids have gaps the "
            "largest id is beyond it."
        ),
    )


def _refused_labels(run: Run) -> Finding | None:
    """A model that refused labels, because there are ids among them for which its head has no output."""
    call, frame, failure = run.failed_row("forward"), run.inner_frame, run.failure
    config = config_of(run, built_model(run, call))
    rows = config.args.get("vocab_size") if config is not None else None
    if frame is None or frame.user or failure is None or failure.exception.type != "ValueError" or config is None:
        return None
    labels = next((v for v in frame.locals if v.expression == "labels" and isinstance(v.value, list)), None)
    largest = labels.value[1] if labels is not None and isinstance(labels.value, list) else None
    if labels is None or not isinstance(rows, int) or not isinstance(largest, int | float) or largest < rows:
        return None
    given = next((tensor for tensor in call.inputs if tensor.label == "labels"), None) if call is not None else None
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"Among the labels is id {int(largest)}; the model's head was made for {rows}, and its last is {rows - 1}.",
        location=setting_written(run, config, ("vocab_size",)) or written(run, config, rows) or run.location(config),
        failed_at=run.failed_at,
        operands=(run.tensor(given),) if given is not None else (),
        mismatch=Mismatch("index", (int(largest), rows), 0),
        fix=Fix("Build the model with as many outputs as the vocabulary has entries (`vocab_size=len(vocabulary)`)."),
    )


def stopped_at_the_door(run: Run) -> Stopped | None:
    """A call of ``generate`` that the guard stopped before a GPU would have looked the id up."""
    row = run.failed_row()
    if row is None or row.kind != "generate" or "shapeguard stopped generate" not in row.error:
        return None
    smallest, largest, rows = (row.args.get(name) for name in ("batch.smallest", "batch.largest", "model.rows"))
    if not isinstance(smallest, int) or not isinstance(largest, int) or not isinstance(rows, int):
        return None
    return Stopped(row, smallest if smallest < 0 else largest, rows)


def _stopped(run: Run, stopped: Stopped) -> Finding:
    ids = inputs_of(stopped.row)
    source = tokenizer_of(run, ids)
    added = _added(run, stopped.rows, stopped.odd)
    said = f"Token id {stopped.odd} is not in the model's embedding of {stopped.rows} rows"
    why = ": tokens were added to the tokenizer, and the model was not resized." if added is not None else "."
    device = f" On {stopped.row.args.get('model.device')} the lookup is an assertion after which every call fails: it was not begun."
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        said + why + device,
        location=run.location(added or source or stopped.row),
        failed_at=run.failed_at,
        operands=(run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
        mismatch=Mismatch("index", (stopped.odd, stopped.rows), 0),
        fix=_fix(run, stopped.odd, added),
    )


def _vocabulary(run: Run, lookup: Lookup) -> int | None:
    """Entries of the tokenizer, where it is known and has more than the table."""
    row = tokenizer_behind(run, lookup.ids)
    size = row.args.get("vocabulary") if row is not None else None
    return size if isinstance(size, int) and size > lookup.rows else None


def _added(run: Run, rows: int, odd: int) -> Row | None:
    """The call that gave the tokenizer its first entry past the end of the table."""
    for row in run.of_kind("vocabulary"):
        after = row.args.get("after")
        if "resize" not in row.op and isinstance(after, int) and after > rows and odd >= rows:
            return row
    return None


def _location(run: Run, lookup: Lookup, vocabulary: int | None, added: Row | None) -> Location | None:
    if added is not None and (counted := _counted_without(run, lookup.rows)) is not None:
        return counted
    if added is not None:
        resized = next((row for row in run.of_kind("vocabulary") if "resize" in row.op and row.id > added.id), None)
        return run.location(resized) if resized is not None else _loaded_beside(run, added) or run.location(added)
    if (apart := _of_smaller_vocabulary(run, lookup)) is not None:
        return apart
    fill = fill_of(run, given_ids(run, lookup.ids), lookup.odd)
    if fill is not None:
        return _filled(run, fill, lookup.odd)
    if lookup.odd < 0 and (over := overwritten(run, given_ids(run, lookup.ids), lookup.odd)) is not None:
        return run.location(over)
    if lookup.odd < 0 and (cast := _narrowed(run, lookup.rows)) is not None:
        return run.location(cast)
    if lookup.odd < 0 and (fed_at := made_at(run, lookup.ids)) is not None:
        return fed_at  # no table has a row for it: it is the ids that are wrong
    config = config_of(run, built_model(run, run.failed_row("forward", "generate")))
    if config is not None and (vocabulary or lookup.odd >= lookup.rows):
        trails = [trail for trail in whole_trails(run, config, lookup.rows) if trail]
        if any(trail[-1].kind == "data" for trail in trails):
            own = tokenizer_behind(run, lookup.ids)
            if own is None or own.args.get("vocabulary") != lookup.rows:
                # The table was made for its own tokenizer: the ids that are fed are another's.
                return _generated_elsewhere(run, lookup) or chosen_by_name(run, config, trails) or here(run)
            return run.location(config)  # by their number, and the largest id is beyond it: there are gaps
        return written(run, config, lookup.rows) or run.location(config)
    return _beside_checkpoint(run, lookup) or suspect(run, lookup.failed).location


def _counted_without(run: Run, rows: int) -> Location | None:
    """Where a config was told ``tokenizer.vocab_size``, which counts none of the tokens that were added."""
    config = config_of(run, built_model(run, run.failed_row("forward", "generate")))
    if config is None or config.args.get("vocab_size") != rows:
        return None
    told = any(ast.unparse(node).endswith(".vocab_size") for node in given_as(run.expression(config), "vocab_size"))
    return (setting_written(run, config, ("vocab_size",)) or run.location(config)) if told else None


def _taken_away(run: Run, lookup: Lookup) -> Row | None:
    """The call that resized the table to fewer rows than it had, and took the row of this id away."""
    for row in run.of_kind("vocabulary"):
        before, after = row.args.get("before"), row.args.get("after")
        if "resize" in row.op and isinstance(before, int) and before > lookup.odd >= lookup.rows == after:
            return row
    return None


def _generated_elsewhere(run: Run, lookup: Lookup) -> Location | None:
    """Where the failing function took over ids that another model had generated."""
    ids, frame = given_ids(run, lookup.ids), run.user_frame
    given = next((v for v in frame.operands if v.origin == ids.origin), None) if frame is not None else None
    if frame is None or given is None or not any(row.kind == "generate" for row in ancestors(run, ids)):
        return None
    return named_at(run, frame, given.expression) or handed_in(run, frame, given.expression)


def _of_smaller_vocabulary(run: Run, lookup: Lookup) -> Location | None:
    """Where the model was chosen, if the ids come of those that another one took whose table has a row for each of them."""
    call = run.failed_row("forward", "generate")
    built = run.row(call.owner) if call is not None else None
    behind = {row.id for row in ancestors(run, given_ids(run, lookup.ids))}
    for other in run.of_kind("forward") if built is not None else ():
        model, ids = run.row(other.owner), named(other, "input_ids")
        if (
            other.error
            or model is None
            or built is None
            or model.id == built.id
            or ids is None
            or ids.origin not in behind
        ):
            continue
        config = config_of(run, model)
        rows = config.args.get("vocab_size") if config is not None else None
        if isinstance(rows, int) and rows > lookup.odd >= lookup.rows:
            return callers_part(run, built, model) or run.location(built)
    return None


def _beside_checkpoint(run: Run, lookup: Lookup) -> Location | None:
    """Where the map was made by which ids are told, if a checkpoint said how many rows there are: it was made for another map."""
    table = construct_row(run, lookup.failed)
    loaded = (
        any(_LOADED in spot.node_text for trail in whole_trails(run, table, lookup.rows) for spot in trail)
        if table
        else False
    )
    for row in ancestors(run, lookup.ids) if loaded else ():
        node = parsed_text(run.expression(row)) if row.op in FROM_OUTSIDE and not row.inputs else None
        for part in ast.walk(node or ast.Pass()):
            if not isinstance(part, ast.Subscript) or not isinstance(part.value, ast.Name | ast.Attribute):
                continue
            made = first_named(climbs(run.sources, run.chain(row), part.value, whole=True))
            if made is not None:
                return run.at(made)
    return None


def _loaded_beside(run: Run, added: Row) -> Location | None:
    """Where the function that has the model got the tokenizer, if a helper added the tokens before there was a model to resize."""
    call = run.failed_row("forward", "generate")
    built = run.row(call.owner) if call is not None else None
    functions = {(site.file, site.function) for site in run.chain(built)} if built is not None else set()
    sites = run.chain(added)
    chains = [run.chain(row) for row in run.rows]
    again = any(
        chain and (chain[0].file, chain[0].function) == (sites[0].file, sites[0].function) and chain[1:] != sites[1:]
        for chain in (chains if sites else ())
    )
    if not again:
        return None  # the one tokenizer there is
    if built is None or (sites and (sites[0].file, sites[0].function) in functions):
        return None
    step = next((step for step, site in enumerate(sites) if (site.file, site.function) in functions), None)
    return run.location(added, step) if step is not None else None


def _narrowed(run: Run, rows: int) -> Row | None:
    """Where ids were cast to whole numbers too small for as many as the table has rows: the largest ones come back negative."""
    for row in run.of_kind("op"):
        came, went = row.inputs[:1], row.outputs[:1]
        if came and went and came[0].dtype in ("int64", "int32") and rows > _LARGEST.get(went[0].dtype, rows):
            return row
    return None


def _filled(run: Run, fill: Row, odd: int) -> Location | None:
    """Where the id is written that was filled in; in a helper that is told it from afar, the lookup that does not know it."""
    text = str(odd)
    if text in run.expression(fill).replace(" ", ""):
        return run.location(fill)
    ends = (trail[-1] for trail in whole_trails(run, fill, odd) if trail)
    told = next((spot for spot in ends if spot.node_text == text), None)
    if told is not None:
        return run.at(told)
    call, frame = run.helper_call(fill), run.user_frame
    told_here = call is not None and frame is not None and call.function == frame.function
    return call if told_here else here(run)


def _message(run: Run, lookup: Lookup, vocabulary: int | None, added: Row | None) -> str:
    said = f"Token id {lookup.odd} is looked up in an embedding of {lookup.rows} rows"
    if lookup.odd < 0 and _narrowed(run, lookup.rows) is not None:
        return (
            f"{said}: the ids were cast to a type that cannot hold the largest of them, and those came back negative."
        )
    if lookup.odd < 0:
        return f"{said}; negative ids (such as the -100 of ignored labels) have no row."
    if added is not None:
        return f"{said}: tokens were added to the tokenizer (now {vocabulary or added.args.get('after')} entries), and the model was not resized."
    if vocabulary is not None:
        return f"{said}: the tokenizer has {vocabulary} entries and belongs to another model, or the model was made for fewer."
    return f"{said}; the last one is {lookup.rows - 1}."


def _fix(run: Run, odd: int, added: Row | None) -> Fix:
    if odd < 0:
        return Fix("Replace the ignored positions by a real token (the pad token) before they are fed as inputs.")
    if added is not None:
        return Fix("After this line, give the model rows for them: `model.resize_token_embeddings(len(tokenizer))`.")
    if not any(run.of_kind("tokenizer", "vocabulary")):
        return Fix(
            f"Make the embedding with a row for every id, {odd + 1} at least: where ids begin at 1 that is one more than there are words."
        )
    return Fix(
        "Make the embedding with as many rows as there are ids: `vocab_size=len(tokenizer)`, and use the model's own tokenizer."
    )
