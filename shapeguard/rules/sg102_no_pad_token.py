"""SG102 no-pad-token

Padding is asked of a tokenizer that has no pad token.

## What it is

Rows of unequal length can share a tensor only if the short ones are filled up. GPT-2's and LLaMA's tokenizers come
without a token to fill up with.

## Why it goes wrong

Decoder-only models were trained on packed text, which needs no padding, so nobody gave them a pad token.

## Example

```python
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<eos>": 0, "<unk>": 1, "a": 2, "b": 3}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>")
tokenizer(["a b a", "b"], padding=True, return_tensors="pt")
```

## Use instead

```python
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<eos>": 0, "<unk>": 1, "a": 2, "b": 3}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>", pad_token="<eos>")
tokenizer(["a b a", "b"], padding=True, return_tensors="pt")
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapeguard.analysis.models import built_model, config_of
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import NamedValue, Row

_PIPELINES = re.compile(r"transformers[/\\]pipelines[/\\]")
CODE, NAME = "SG102", "no-pad-token"
_FILLING = frozenset(
    {"pad", "full", "full_like", "new_full", "pad_sequence", "masked_fill", "masked_fill_", "fill_", "tensor", "where"}
)


def check(run: Run) -> Iterator[Finding]:
    """A call that needed a pad token and had none: of the tokenizer, of a model, or of the user's own padding."""
    if run.failure is None:
        return
    row = run.failed_row("tokenizer")
    if row is not None:
        yield from _tokenizer(run, row)
    else:
        yield from _model(run)
        yield from _by_hand(run)
        yield from _pipeline(run)


def _tokenizer(run: Run, row: Row) -> Iterator[Finding]:
    """Padding was asked of a tokenizer that has nothing to pad with."""
    if row.args.get("pad_token_id") is not None or not _asks_for_padding(row):
        return
    yield _finding(
        run,
        f"{row.args.get('texts')} texts are to be padded to one length, and the tokenizer has no pad token.",
        _built(run, row.owner) or run.location(row) or run.failed_at,
        "Give the tokenizer a pad token where it is made: its own unused one where the vocabulary has one, else "
        "`tokenizer.pad_token = tokenizer.eos_token`, and pass the attention mask on, which then tells the two apart.",
    )


def _asks_for_padding(row: Row) -> bool:
    return row.args.get("padding") not in (None, False, "do_not_pad") or row.op.endswith(".pad")


def _model(run: Run) -> Iterator[Finding]:
    """A model that looks for the last real token of each row, and whose config names no pad token."""
    call, inner = run.failed_row("forward"), run.inner_frame
    if call is None or inner is None or inner.user or run.failure is None:
        return
    ids = next((tensor for tensor in call.inputs if tensor.label == "input_ids"), None)
    config = config_of(run, built_model(run, call))
    said = run.failure.exception.type == "ValueError" and "pad" in run.failure.exception.message
    if (
        not said
        or ids is None
        or ids.last[0] < 2
        or (config is not None and config.args.get("pad_token_id") is not None)
    ):
        return
    yield _finding(
        run,
        f"{call.op} gets {ids.last[0]} rows and must find the last real token of each; its config has no pad token to go by.",
        (run.location(config) if config is not None else None) or _built(run, call.owner) or run.location(call),
        "Give the model's config the tokenizer's pad token: `pad_token_id=tokenizer.pad_token_id` where it is made, or "
        "`model.config.pad_token_id = tokenizer.pad_token_id`.",
    )


def _by_hand(run: Run) -> Iterator[Finding]:
    """The user's own padding with the pad id of a tokenizer that has none: None is no number."""
    frame = run.user_frame
    if (
        frame is None
        or frame.op not in _FILLING
        or run.failure is None
        or run.failure.exception.type not in ("TypeError", "RuntimeError")
    ):
        return
    refused_none = "NoneType" in run.failure.exception.message
    empty = next((value for value in frame.operands if _is_no_pad(value, refused_none)), None)
    if empty is None:
        return
    row = next((row for row in reversed(run.rows) if row.kind == "tokenizer"), None)
    tokenizer = row.owner if row is not None else None
    yield _finding(
        run,
        f"`{empty.expression}` is None: the tokenizer has no pad token.",
        _built(run, tokenizer) or run.failed_at,
        "Give the tokenizer a pad token where it is made, before its id is used.",
    )


def _pipeline(run: Run) -> Iterator[Finding]:
    """A pipeline of transformers that was to make batches, with a tokenizer that has nothing to pad with."""
    inner = run.inner_frame
    collating = inner is not None and _PIPELINES.search(inner.file) and inner.function.startswith("pad_collate_fn")
    built = [row for row in run.of_kind("construct") if "Tokenizer" in row.op]
    if not collating or run.failure is None or run.failure.exception.type != "ValueError":
        return
    told = [row for row in run.of_kind("tokenizer") if built and row.owner == built[-1].id]
    if told and told[-1].args.get("pad_token_id") is not None:
        return
    sizes = (
        value.value
        for frame in run.frames
        for value in (*frame.operands, *frame.locals)
        if value.expression == "batch_size"
    )
    size = next((size for size in sizes if isinstance(size, int)), None)
    yield _finding(
        run,
        f"The pipeline makes batches{f' of {size}' if size is not None else ''}, whose rows are to be padded to one length, and its tokenizer "
        "has no pad token.",
        (run.location(built[-1]) if built else None) or run.failed_at,
        "Give the tokenizer a pad token where it is made: its own unused one where the vocabulary has one, else "
        '`tokenizer.pad_token = tokenizer.eos_token`; a decoder-only model wants `padding_side="left"` as well.',
    )


def _is_no_pad(value: NamedValue, refused_none: bool) -> bool:
    """Whether a value is a pad id that is None; what a property of a tokenizer gives is not asked, but its refusal tells."""
    empty = value.type == "NoneType" or (refused_none and not value.type and value.value is None)
    return empty and "pad" in value.expression.rpartition(".")[2]


def _built(run: Run, owner: int | None) -> Location | None:
    built = run.row(owner)
    return run.location(built) if built is not None else None


def _finding(run: Run, message: str, location: Location | None, fix: str) -> Finding:
    return Finding(CODE, NAME, Severity.ERROR, message, location=location, failed_at=run.failed_at, fix=Fix(fix))
