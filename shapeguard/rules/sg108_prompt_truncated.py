"""SG108 prompt-truncated

Truncation has cut the end off a prompt that is then continued.

## What it is

Generation goes on from the last token of the prompt. Truncation keeps the first tokens unless told otherwise: the question, the
instruction or the "answer:" at the end is what falls away.

## Why it goes wrong

``truncation_side`` is "right" by default, which suits classification and training. Nothing crashes: every long prompt is
answered as if the question had not been asked. Texts that differ only in what was cut off, a chosen and a rejected answer, are
the same to the model.

## Example

```python
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "story": 2, "question": 3, "answer": 4}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>", padding_side="left")
model = LlamaForCausalLM(LlamaConfig(vocab_size=12, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
batch = tokenizer(["story story story story question answer", "story question answer"], padding=True, truncation=True,
                  max_length=4, return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, max_new_tokens=4)
```

## Use instead

```python
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "story": 2, "question": 3, "answer": 4}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>", padding_side="left",
                                    truncation_side="left")
model = LlamaForCausalLM(LlamaConfig(vocab_size=12, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
batch = tokenizer(["story story story story question answer", "story question answer"], padding=True, truncation=True,
                  max_length=4, return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, max_new_tokens=4)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.caches import named
from shapeguard.analysis.contents import FROM_OUTSIDE
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.lineage import Hop, follow
from shapeguard.analysis.prompts import prompts
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG108", "prompt-truncated"


def check(run: Run) -> Iterator[Finding]:
    """A tokenizer call that cut texts on the right: prompts that a decoder-only model then continued, or examples' answers."""
    for row, _ in prompts(run):
        cut = row.args.get("cut")
        if isinstance(cut, list) and row.args.get("truncation_side") == "right":
            yield _finding(run, row, [int(count) for count in cut])
    alike = next((row for row in run.of_kind("tokenizer") if isinstance(row.args.get("cut alike"), int)), None)
    if alike is not None and run.failure is None:
        yield _alike(run, alike)
    for padding in run.of_kind("forward"):
        if padding.args.get("ids padded") == "all" and not padding.error and (left := _cut(run, padding)) is not None:
            yield _only_padding(run, padding, left)
            break
    emptied = next((row for row in run.of_kind("forward") if row.args.get("every label ignored") is True), None)
    cut_row = next((row for row in run.of_kind("tokenizer") if isinstance(row.args.get("cut"), list)), None)
    if emptied is not None and cut_row is not None and cut_row.first_at < emptied.last_at:
        yield _without_answer(run, cut_row, emptied)
    elif emptied is not None and run.failure is None and (by_hand := _lists_cut(run, emptied)) is not None:
        yield _cut_by_hand(run, by_hand, emptied)


def _lists_cut(run: Run, emptied: Row) -> Row | None:
    """What made a tensor of the labels of a list that was cut to a length: ``torch.tensor(labels[:max_length])``."""
    labels = named(emptied, "labels")
    for row in ancestors(run, labels) if labels is not None else ():
        match parsed_text(run.expression(row)) if row.op in FROM_OUTSIDE and not row.inputs else None:
            case ast.Call(args=[ast.Subscript(slice=ast.Slice(lower=None, upper=ast.expr())), *_]):
                return row
    return None


def _cut_by_hand(run: Run, cut: Row, emptied: Row) -> Finding:
    labels = named(emptied, "labels")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"All labels of a batch are -100, so its loss is the mean of nothing, `nan`: the lists are cut to {emptied.inputs[0].last[1]} "
        "tokens, and the answer stands behind the cut.",
        location=run.location(cut),
        operands=(run.tensor(labels, "", ("batch", "seq")),) if labels is not None else (),
        fix=Fix("Cut the prompt instead of the answer, allow more tokens, or leave such examples out."),
    )


def _finding(run: Run, row: Row, cut: list[int]) -> Finding:
    longest, most = row.args.get("max_length"), max(cut)
    kept = longest if isinstance(longest, int) else None
    rows = sum(count > 0 for count in cut)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{rows} of {len(cut)} prompts lost their end: up to {most} tokens were cut off on the right before the model continues them.",
        location=run.location(row),
        mismatch=Mismatch("count", (kept + most, kept)) if kept is not None else None,
        fix=Fix(
            'Cut on the left (`truncation_side="left"` where the tokenizer is made), shorten the part of the prompt that may '
            "be shortened before the question is appended, or allow more tokens."
        ),
    )


def _most_cut(row: Row) -> int:
    """How many tokens a tokenizer's call cut off the text that lost most."""
    cut = row.args.get("cut")
    return max((count for count in cut if isinstance(count, int)), default=0) if isinstance(cut, list) else 0


def _alike(run: Run, row: Row) -> Finding:
    """Texts that differ only behind the place where they were cut: a model is given the same for all of them."""
    longest, most = row.args.get("max_length"), _most_cut(row)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"{row.args.get('cut alike')} of {row.args.get('texts')} texts differ only in what was cut off (up to {most} tokens): the "
        "model is given the same ids for them.",
        location=run.location(row),
        mismatch=Mismatch("count", (longest + most, longest)) if isinstance(longest, int) else None,
        fix=Fix(
            "Allow as many tokens as the texts need, cut the part that they share (`truncation_side`, or the prompt before it is "
            "joined with the answer), or leave such texts out."
        ),
    )


def _cut(run: Run, row: Row) -> Hop | None:
    """The slice that shortened the ids of a call."""
    ids = inputs_of(row)
    hops = follow(run, ids, 1) if ids is not None else []
    return next((hop for hop in hops if hop.changed and hop.row.op == "getitem" and hop.size_before is not None), None)


def _only_padding(run: Run, row: Row, cut: Hop) -> Finding:
    """Texts of which nothing but padding is left: cut on the side of their tokens."""
    ids, before = inputs_of(row), cut.size_before or 0
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The ids that {row.op} is given are padding throughout, so every text gives the same: a slice kept {cut.size_after} of "
        f"{before} positions.",
        location=run.location(cut.row),
        operands=(run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
        mismatch=Mismatch("dim", (before, cut.size_after), 1),
        fix=Fix(
            "Cut texts on the side where they are padded, or let the tokenizer truncate (`truncation=True`) and pad last."
        ),
    )


def _without_answer(run: Run, row: Row, emptied: Row) -> Finding:
    """Examples that were cut before their answer begins: no label is left, and the mean over none is no number."""
    longest, most = row.args.get("max_length"), _most_cut(row)
    labels = next((tensor for tensor in emptied.inputs if tensor.label == "labels"), None)
    times = f" ({emptied.count} batches)" if emptied.count > 1 else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"All labels of a batch{times} are -100, so its loss is the mean of nothing, `nan`: texts of the run were cut to "
        f"{longest} tokens, up to {most} fell away at the end, and the answer with them.",
        location=run.location(row),
        operands=(run.tensor(labels, "", ("batch", "seq")),) if labels is not None else (),
        fix=Fix(
            "Allow as many tokens as prompt and answer need, cut the prompt instead of the answer, or leave such examples out."
        ),
    )
