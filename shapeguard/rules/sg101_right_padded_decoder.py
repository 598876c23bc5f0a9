"""SG101 right-padded-decoder

A decoder-only model continues rows that are padded on the right: short rows are continued from a pad token.

## What it is

Generation continues each row from its last position. In a right-padded batch the last position of a short row is padding,
so its first new token is what the model says after a pad token, and every later one builds on it.

## Why it goes wrong

Tokenizers pad on the right unless told otherwise, which is right for training and for encoders. Nothing crashes: the short
prompts are answered wrongly, and each prompt is answered rightly when it is sent alone.

## Example

```python
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "a": 2, "b": 3}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>")
model = LlamaForCausalLM(LlamaConfig(vocab_size=8, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
batch = tokenizer(["a b a", "b"], padding=True, return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, max_new_tokens=4)
```

## Use instead

```python
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "a": 2, "b": 3}, unk_token="<eos>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>", padding_side="left")
model = LlamaForCausalLM(LlamaConfig(vocab_size=8, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
batch = tokenizer(["a b a", "b"], padding=True, return_tensors="pt", return_token_type_ids=False)
model.generate(**batch, max_new_tokens=4)
```
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shapeguard.analysis.batch import Padding, inputs_of, made_by, padding_of, tokenizer_of
from shapeguard.analysis.caches import named
from shapeguard.analysis.climb import climbs
from shapeguard.analysis.generation import generations
from shapeguard.analysis.graph import users_of
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Finding, Fix, Location, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG101", "right-padded-decoder"
_FILLED = frozenset({"full", "new_full", "full_like", "zeros", "new_zeros", "zeros_like"})
_PADDING = frozenset({"pad_sequence", "pad", "tensor", "as_tensor", *_FILLED})


def check(run: Run) -> Iterator[Finding]:
    """A generation of a decoder-only model, by ``generate`` or by hand, that starts from right-padded rows."""
    for row in generations(run):
        padding = padding_of(run, row)
        if row.args.get("encoder-decoder") is not True and padding.side in ("right", "both"):
            yield _finding(run, row, padding)
    for row in run.of_kind("forward"):
        if not row.error and (prompts := _answered_after_padding(run, row)) is not None:
            yield _scored(run, row, prompts)


def _answered_after_padding(run: Run, row: Row) -> Row | None:
    """The tokenizer's right-padded prompts behind which answers were put whose first token is scored from the column before it."""
    ids = inputs_of(row)
    joined = made_by(run, ids)
    if row.args.get("encoder-decoder") is True or joined is None or joined.op not in ("cat", "concat", "hstack"):
        return None
    prompt = joined.inputs[0] if joined.inputs else None
    made = made_by(run, prompt)
    lengths = made.args.get("row_lengths") if made is not None else None
    uneven = isinstance(lengths, list) and len(set(map(str, lengths))) > 1
    if made is None or prompt is None or made.kind != "tokenizer" or made.args.get("padded") != "right" or not uneven:
        return None
    first = f"{prompt.last[-1] - 1}:"
    for user in users_of(run, row):
        match user.args.get("index"):
            case [":", str(columns), *_] if user.op == "getitem" and columns.startswith(first):
                return made
    return None


def _scored(run: Run, row: Row, prompts: Row) -> Finding:
    ids = inputs_of(row)
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        "The prompts are padded on the right and the answers put behind the padding: of the shorter prompts the first token of an answer is "
        "scored from a pad token.",
        location=run.location(prompts),
        operands=(run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
        fix=Fix(
            "Pad the prompts on the left, so that each answer follows its prompt, or join prompt and answer before padding."
        ),
    )


def _finding(run: Run, row: Row, padding: Padding) -> Finding:
    ids = inputs_of(row)
    lengths = padding.tokenizer.args.get("row_lengths") if padding.tokenizer is not None else None
    told = f" (real lengths {', '.join(map(str, lengths))})" if isinstance(lengths, list) else ""
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        f"The rows are padded on the right{told}, so the short ones are continued from a pad token. "
        "A decoder-only model wants the padding on the left.",
        location=_padded_at(run, row, padding) or _by_hand(run, row) or run.location(row),
        operands=(run.tensor(ids, "", ("batch", "seq")),) if ids is not None else (),
        fix=_fix(run, row, padding),
    )


def _fix(run: Run, row: Row, padding: Padding) -> Fix:
    """What to change: the tokenizer's side, or, where the program pads by itself, that."""
    made = made_by(run, inputs_of(row))
    if padding.tokenizer is None and _by_hand(run, row) is not None and made is not None:
        how = (
            '`pad_sequence(..., padding_side="left")`'
            if made.op == "pad_sequence"
            else "the pads before each row's ids"
        )
        return Fix(f"Pad on the left: {how}, and make the attention mask of that.")
    return Fix(
        'Pad on the left: `tokenizer.padding_side = "left"` (or `padding_side="left"` where it is made), '
        "and pass the attention mask on."
    )


def _padded_at(run: Run, row: Row, padding: Padding) -> Location | None:
    """Where the side is chosen: the tokenizer's construction if the user's code makes it, else the call that pads."""
    tokenizer = padding.tokenizer or tokenizer_of(
        run, named(row, "attention_mask")
    )  # of embeddings: that of their mask
    if tokenizer is None:
        return None
    if (turned := _side_set(run)) is not None:
        return turned
    built = run.row(tokenizer.owner)
    return (run.location(built) if built is not None else None) or run.location(tokenizer)


def _side_set(run: Run) -> Location | None:
    """The one statement that sets the side of a tokenizer that was made otherwise, ``tokenizer.padding_side = "right"``."""
    found = [
        run.place(file, node.lineno)
        for file, node in run.nodes(ast.Assign)
        if isinstance(node.targets[0], ast.Attribute)
        and node.targets[0].attr == "padding_side"
        and isinstance(node.value, ast.Constant)
        and node.value.value == "right"
    ]
    return found[0] if len(found) == 1 else None


def _by_hand(run: Run, row: Row) -> Location | None:
    """Where the program padded the rows itself, where that was seen."""
    made = made_by(run, inputs_of(row))
    if made is not None and made.kind == "loader" and made.inputs:
        made = run.row(made.inputs[0].origin)
    if made is not None and made.op in ("flip", "fliplr"):
        return run.location(made)  # it turned the padding to this side
    if made is None or made.op not in _PADDING:
        return None
    return _lists_padded(run, made) or _written_from_the_left(run, made) or run.location(made)


def _written_from_the_left(run: Run, made: Row) -> Location | None:
    """Where the rows were written into a table of padding, each from its first column: ``ids[i, : len(row)] = row``."""
    for user in users_of(run, made) if made.op in _FILLED else ():
        match user.args.get("index"):
            case [*_, str(columns)] if user.op == "setitem" and columns.startswith((":", "0:")) and columns != ":":
                return run.location(user)
    return None


def _lists_padded(run: Run, made: Row) -> Location | None:
    """Where lists were filled up before a tensor was made of them: ``[row + [PAD] * (width - len(row)) for row in rows]``."""
    node = parsed_text(run.expression(made))
    if not isinstance(node, ast.Call) or not node.args:
        return None
    for trail in climbs(run.sources, run.chain(made), node.args[0], whole=True):
        for spot in trail.spots:
            match parsed_text(spot.node_text):
                case ast.ListComp(elt=ast.BinOp(op=ast.Add(), right=ast.BinOp(op=ast.Mult()))) if spot.line:
                    return run.at(spot)
    return None
