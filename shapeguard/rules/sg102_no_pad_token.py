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

from collections.abc import Iterator

from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG102", "no-pad-token"


def check(run: Run) -> Iterator[Finding]:
    """A tokenizer call that asked for padding, had no pad token, and failed."""
    row = run.failed_row("tokenizer")
    if row is None or row.args.get("pad_token_id") is not None or not _asks_for_padding(row):
        return
    built = run.row(row.owner)
    name = row.op.partition(".")[0]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{row.args.get('texts')} texts are to be padded to one length, and this {name} has no pad token.",
        location=(run.location(built) if built is not None else None) or run.location(row) or run.failed_at,
        failed_at=run.failed_at,
        fix=Fix(
            "Give the tokenizer a pad token where it is made: its own unused one where the vocabulary has one, else "
            "`tokenizer.pad_token = tokenizer.eos_token`, and pass the attention mask on, which then tells the two apart."
        ),
    )


def _asks_for_padding(row: Row) -> bool:
    return row.args.get("padding") not in (None, False, "do_not_pad") or row.op.endswith(".pad")
