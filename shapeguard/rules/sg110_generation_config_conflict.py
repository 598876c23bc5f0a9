"""SG110 generation-config-conflict

Fields of the generation config fight each other or the inputs.

## What it is

``max_length`` counts prompt and answer together, ``max_new_tokens`` only the answer. More sequences are asked back than beams
are searched, or several greedy ones that would all be the same.

## Why it goes wrong

The settings come from several places: the call's arguments, a GenerationConfig, the model's own. A limit that suited short
prompts meets a longer one, with worked examples or a history in front. A draft model serves one row at a time, and a batch comes.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
prompt = torch.randint(3, 50, (1, 24))
model.generate(prompt, attention_mask=torch.ones_like(prompt), max_length=16)
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)).eval()
prompt = torch.randint(3, 50, (1, 24))
model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=16)
```
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.overrun import positions_of
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings_written import setting_written
from shapeguard.values.findings import Finding, Fix, Mismatch, Severity
from shapeguard.values.recording import Row

CODE, NAME = "SG110", "generation-config-conflict"


class _Conflict(NamedTuple):
    message: str
    fields: tuple[str, ...]  # the setting to change first
    sizes: tuple[int, int] | None
    fix: str


def check(run: Run) -> Iterator[Finding]:
    """A call of ``generate`` that refused its settings."""
    row = run.failed_row("generate")
    if (
        row is None
        or run.failure is None
        or run.failure.exception.type != "ValueError"
        or run.failed_row("forward", "cache")
    ):
        return
    conflict = _length(row) or _sequences(row) or _assisted(run, row) or _checked(run)
    if conflict is None:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        conflict.message,
        location=setting_written(run, row, conflict.fields) or run.location(row),
        failed_at=run.failed_at,
        mismatch=Mismatch("count", conflict.sizes) if conflict.sizes is not None else None,
        fix=Fix(conflict.fix),
    )


def _length(row: Row) -> _Conflict | None:
    length, longest = positions_of(row), row.args.get("max_length")
    if length is None or not isinstance(longest, int) or length < longest or row.args.get("max_new_tokens") is not None:
        return None
    return _Conflict(
        f"The prompt has {length} tokens, and `max_length` allows {longest} for prompt and answer together.",
        ("max_length",),
        (length, longest),
        "Limit the answer alone: `max_new_tokens` instead of `max_length`.",
    )


def _sequences(row: Row) -> _Conflict | None:
    wanted, beams = row.args.get("num_return_sequences"), row.args.get("num_beams")
    if not isinstance(wanted, int) or wanted < 2:
        return None
    searched = beams if isinstance(beams, int) else 1
    if searched > 1 and wanted > searched:
        said = f"{wanted} sequences are asked back of a search with {searched} beams."
    elif searched == 1 and not row.args.get("do_sample"):
        said = f"{wanted} sequences are asked back of a greedy search, which finds one."
    else:
        return None
    fix = "Ask for at most as many sequences as there are beams, or sample (`do_sample=True`)."
    return _Conflict(said, ("num_return_sequences", "num_beams"), (wanted, searched), fix)


def _assisted(run: Run, row: Row) -> _Conflict | None:
    """A draft model for a batch: the drafts of one row are verified at a time."""
    ids = inputs_of(row)
    if ids is None or ids.last[0] < 2 or not any(frame.function.endswith("_assisted_decoding") for frame in run.frames):
        return None
    return _Conflict(
        f"A draft model (`assistant_model`) serves one row at a time, and {ids.last[0]} rows are given.",
        (),
        (ids.last[0], 1),
        "Call `generate` for each row, or leave the draft model out for batches.",
    )


def _checked(run: Run) -> _Conflict | None:
    """Any other conflict that the config's own check found."""
    inner = run.inner_frame
    if inner is None or not inner.file.replace("\\", "/").endswith("generation/configuration_utils.py"):
        return None
    said = run.failure.exception.message.strip().split("\n")[0] if run.failure is not None else ""
    return _Conflict(
        f"The generation config refuses itself: {said}", (), None, "Remove one of the settings that fight."
    )
