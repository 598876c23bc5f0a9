"""SG406 attention-kind-unsuited

The attention implementation does not suit what is asked of it: attention maps, a mask, a dtype or a device.

## What it is

transformers has several implementations of attention. The fused ones (sdpa, flash, flex) never form the matrix of attention
weights, and take only some masks and dtypes; only ``eager`` can hand the weights out.

## Why it goes wrong

The implementation is chosen when the config or model is made, mostly by default (sdpa), far from the line that asks for
attention maps; or queries, keys and mask come in dtypes that the kernel does not mix.

## Example

```python
import torch
from transformers import LlamaConfig, LlamaModel

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
model = LlamaModel(config).eval()
model.config.output_attentions = True
model(torch.tensor([[5, 6, 7]])).attentions[0].mean()
```

## Use instead

```python
import torch
from transformers import LlamaConfig, LlamaModel

config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                     attn_implementation="eager")
model = LlamaModel(config).eval()
model.config.output_attentions = True
model(torch.tensor([[5, 6, 7]])).attentions[0].mean()
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapeguard.analysis.failed import failed_op
from shapeguard.analysis.heads import configs
from shapeguard.analysis.preflight.door import at_the_door
from shapeguard.analysis.run import Run
from shapeguard.analysis.settings import set_at
from shapeguard.values.findings import Finding, Fix, Location, OperandView, Severity
from shapeguard.values.recording import Row, TensorArg

CODE, NAME = "SG406", "attention-kind-unsuited"
_WORDS = (
    "attn_implementation",
    "eager",
    "flash_attention",
    "flashattention",
    "flash attention",
    "flex_attention",
    "sdpa",
)
_KERNELS = frozenset({"scaled_dot_product_attention", "sdpa_attention_forward", "flex_attention_forward"})
_NOTHING = ("TypeError", "AttributeError", "IndexError")


def check(run: Run) -> Iterator[Finding]:
    """A refused setting, attention maps that are not there, and kernels given dtypes they do not mix."""
    if run.failure is None:
        return
    kernel = next((row for row in run.failed_rows if row.op in _KERNELS), None)
    if kernel is not None:
        found = _of_dtypes(run, kernel)
    elif _refused(run):
        found = _finding(
            run, "The attention implementation was refused: it cannot do what this line asks for.", _chosen_at(run)
        )
    else:
        found = _no_maps(run)
    if found is not None:
        yield found


def _refused(run: Run) -> bool:
    """Whether the library itself raised, and its words are about the attention implementation: there is no tensor to ask."""
    frame, failure = run.inner_frame, run.failure
    if (
        frame is None
        or failure is None
        or frame.user
        or run.failed_row("op", "attention", "concat", "cache") is not None
    ):
        return False
    # A kind that is unknown, not installed, refused by the kernel, or not written for this model.
    if failure.exception.type not in ("ValueError", "ImportError", "RuntimeError", "NotImplementedError"):
        return False
    text = failure.exception.message.lower()
    return any(word in text for word in _WORDS)


def _no_maps(run: Run) -> Finding | None:
    """Attention weights taken from a model that ran a fused kernel, which hands out None."""
    failure, frame = run.failure, run.user_frame
    joined = run.failed_row("concat")
    empty = joined is not None and not joined.inputs
    if failure is None or frame is None or frame is not run.inner_frame:
        return None
    if failure.exception.type not in _NOTHING and not empty:
        return None
    fused = any(row.op in _KERNELS for row in run.of_kind("attention"))
    read = re.search(r"\battentions\b", run.statement_of(frame).source + frame.expression) is not None
    read = read or any(finding.code == CODE for finding in at_the_door(run))  # of a generation that was asked for them
    asked = set_at(run, "output_attentions") is not None
    nothing = empty or "NoneType" in failure.exception.message or (failure.exception.type == "IndexError" and read)
    if not fused or not nothing or not (asked or read):
        return None
    return _finding(
        run, "The model ran a fused attention kernel, which hands out no attention weights.", _chosen_at(run)
    )


def _of_dtypes(run: Run, row: Row) -> Finding | None:
    """A fused kernel whose shapes fit and whose queries, keys, values or mask differ in dtype."""
    failed = failed_op(run)
    if failed is not None and failed.clash is not None:
        return None
    by_label = {tensor.label: tensor for tensor in row.inputs}
    query, mask = by_label.get("query"), by_label.get("attn_mask") or by_label.get("attention_mask")
    if mask is not None and row.args.get("is_causal") is True:
        text = "The kernel takes a mask or `is_causal=True`, not both: a mask that is given has to be causal itself."
        return _finding(run, text, run.location(row), tuple(run.tensor(t) for t in row.inputs))
    odd = [
        by_label[name]
        for name in ("key", "value")
        if query and name in by_label and by_label[name].dtype != query.dtype
    ]
    if query is not None and mask is not None and mask.dtype not in ("bool", query.dtype):
        odd.append(mask)
    if query is None or not odd:
        return None
    text = f"The kernel takes {query.dtype} queries, and {odd[0].label} is {odd[0].dtype}."
    return _finding(run, text, _made_at(run, odd[0]) or run.location(row), tuple(run.tensor(t) for t in row.inputs))


def _made_at(run: Run, tensor: TensorArg) -> Location | None:
    made = run.row(tensor.origin)
    return run.location(made) if made is not None else None


def _chosen_at(run: Run) -> Location | None:
    """Where the implementation was chosen: by name, else with the config whose default it is."""
    told = set_at(run, "attn_implementation") or set_at(run, "_attn_implementation")
    if told is not None:
        return told
    frame = run.user_frame
    inner = next((run.row(f.owner) for f in reversed(run.frames) if f.owner is not None), None)
    made = inner if inner is not None and inner.op.endswith("Config") else next(reversed(configs(run)), None)
    return (run.location(made) if made is not None else None) or (
        run.statement_of(frame) if frame is not None else None
    )


def _finding(run: Run, text: str, where: Location | None, operands: tuple[OperandView, ...] = ()) -> Finding:
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        text,
        location=where or run.failed_at,
        failed_at=run.failed_at,
        operands=operands,
        fix=Fix(
            'Choose the implementation where the config or model is made: `attn_implementation="eager"` for attention maps; '
            "bring queries, keys, values and an additive mask to one dtype for the fused kernels."
        ),
    )
