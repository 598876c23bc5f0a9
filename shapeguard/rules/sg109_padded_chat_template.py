"""SG109 padded-chat-template

A chat template's text is tokenized in a way that breaks it: every row begins with two start tokens, or the ids are looked for in
the wrong place.

## What it is

A chat template writes the special tokens itself, the start token among them. Tokenizing its text as plain text adds the start
token once more. From transformers 5 on ``apply_chat_template`` gives everything that the tokenizer made, a dictionary, where it used to
give the ids.

## Why it goes wrong

``apply_chat_template(..., tokenize=False)`` returns a text, and tokenizers add special tokens to texts unless told not to. The
model has never seen two start tokens: its answers are other ones, and nothing says so.

## Example

```python
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "<s>": 2, "user": 3, "hello": 4}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 2)])
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, bos_token="<s>", eos_token="<eos>", pad_token="<pad>", padding_side="left",
    chat_template="{{ bos_token }}{% for m in messages %} {{ m['role'] }} {{ m['content'] }}{% endfor %}")
model = LlamaForCausalLM(LlamaConfig(vocab_size=12, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
text = tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False, add_generation_prompt=True)
batch = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, max_new_tokens=4)
```

## Use instead

```python
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "<s>": 2, "user": 3, "hello": 4}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 2)])
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, bos_token="<s>", eos_token="<eos>", pad_token="<pad>", padding_side="left",
    chat_template="{{ bos_token }}{% for m in messages %} {{ m['role'] }} {{ m['content'] }}{% endfor %}")
model = LlamaForCausalLM(LlamaConfig(vocab_size=12, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
text = tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False, add_generation_prompt=True)
batch = tokenizer(text, return_tensors="pt", return_token_type_ids=False, add_special_tokens=False)
model.generate(**batch, max_new_tokens=4)
```
"""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.encodings import WholeEncoding, given_whole, is_template, listed
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Fix, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG109", "padded-chat-template"


def check(run: Run) -> Iterator[Finding]:
    """A tokenizer call whose rows begin with the start token twice; certain where a template of the same tokenizer was rendered before.

    So is a template's whole result where its ids are wanted.
    """
    whole = given_whole(run)
    if whole is not None and is_template(whole.made):
        yield _of_whole(run, whole)
    for row in run.of_kind("tokenizer"):
        doubled = row.args.get("double bos")
        if isinstance(doubled, int) and doubled:
            yield _finding(run, row, doubled, _rendered_before(run, row))


def _rendered_before(run: Run, row: Row) -> bool:
    """Whether a chat template was rendered to text, not to ids, before this call."""
    return any(
        is_template(other) and other.owner == row.owner and other.first_at <= row.last_at and not other.outputs
        for other in run.of_kind("tokenizer")
    )


def _of_whole(run: Run, whole: WholeEncoding) -> Finding:
    name = whole.value.expression
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"`{name}` is the whole result of the chat template, a dictionary of {listed(whole.made)}, and its ids are wanted here.",
        location=run.location(whole.made),
        failed_at=run.failed_at,
        operands=tuple(run.tensor(tensor) for tensor in whole.made.outputs),
        fix=Fix(
            (
                f"Hand the ids and their mask on together: `generate(**{name})`"
                if whole.made.outputs
                else f'Take the ids of it: `{name}["input_ids"]`'
            )
            + "; or ask for the ids alone: `apply_chat_template(..., return_dict=False)`."
        ),
    )


def _finding(run: Run, row: Row, doubled: int, rendered: bool) -> Finding:
    rows = f"{doubled} row begins" if doubled == 1 else f"{doubled} rows begin"
    cause = (
        "the chat template has written it, and the tokenizer adds it again" if rendered else "the text already has one"
    )
    return Finding(
        CODE,
        NAME,
        Severity.ERROR if rendered else Severity.WARNING,
        f"{rows} with two start tokens: {cause}.",
        location=run.location(row),
        fix=Fix(
            "Pass `add_special_tokens=False` when tokenizing a rendered template, or let `apply_chat_template(tokenize=True)` make the ids."
        ),
    )
