"""SG407 positions-count-padding

Position ids count the padding: the first real token of a left-padded row is not at position 0.

## What it is

Positions are counted from the first real token of each row. Counted from the first column, a short row that is padded on
the left begins at the position after its padding, which depends on how long its neighbours are.

## Why it goes wrong

``torch.arange(length)`` is right for one row and for padding on the right, and reads well. Where positions are a learned
table, the row gets other position vectors than alone and its answer changes; nothing crashes.

## Example

```python
import torch
from transformers import GPT2Config, GPT2LMHeadModel

model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=4, n_positions=64, pad_token_id=0,
                                   bos_token_id=1, eos_token_id=2)).eval()
ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 9]])
mask = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
positions = torch.arange(4).expand(2, 4)
model.generate(ids, attention_mask=mask, position_ids=positions, max_new_tokens=4)
```

## Use instead

```python
import torch
from transformers import GPT2Config, GPT2LMHeadModel

model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=4, n_positions=64, pad_token_id=0,
                                   bos_token_id=1, eos_token_id=2)).eval()
ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 9]])
mask = torch.tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
positions = (mask.cumsum(-1) - 1).clamp(min=0)
model.generate(ids, attention_mask=mask, position_ids=positions, max_new_tokens=4)
```
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from shapeguard.analysis.preflight.door import at_the_door
from shapeguard.analysis.run import Run
from shapeguard.values.findings import Finding, Location

CODE, NAME = "SG407", "positions-count-padding"


def check(run: Run) -> Iterator[Finding]:
    """A generation whose position ids do not begin at its rows' first real tokens."""
    for finding in at_the_door(run):
        if finding.code == CODE:
            yield msgspec.structs.replace(finding, location=_made_at(run, finding.location))


def _made_at(run: Run, call: Location | None) -> Location | None:
    """Where the position ids of a call were made; where that was not seen, the call."""
    for row in run.of_kind("generate"):
        positions = next((tensor for tensor in row.inputs if tensor.label == "position_ids"), None)
        if positions is not None and run.location(row) == call:
            return run.birth(positions.origin) or call
    return call
