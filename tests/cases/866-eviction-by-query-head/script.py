"""Shrink the prompt's cache to the positions the last queries looked at, then go on decoding."""
from dataclasses import dataclass

import torch
from transformers import MistralConfig, MistralForCausalLM


@dataclass
class Eviction:
    budget: int = 12
    window: int = 4
    kernel: int = 5


def tiny_mistral():
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=100, hidden_size=96, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, max_position_embeddings=256, sliding_window=None, initializer_range=0.3,
    )
    config._attn_implementation = "eager"
    return MistralForCausalLM(config).eval()


def importance(weights, ev):
    """Attention received from the observation window, smoothed over neighbours."""
    votes = weights[:, :, -ev.window:, :-ev.window].sum(dim=2)
    return torch.nn.functional.avg_pool1d(votes, ev.kernel, stride=1, padding=ev.kernel // 2)


def keep_positions(weights, ev):
    top = importance(weights, ev).topk(ev.budget - ev.window, dim=-1).indices
    length = weights.size(-1)
    recent = torch.arange(length - ev.window, length).expand(*top.shape[:-1], -1)
    return torch.cat([top.sort(-1).values, recent], dim=-1)


def shrink(cache, attentions, ev):
    for layer, weights in zip(cache.layers, attentions):
        kept = keep_positions(weights, ev)
        index = kept.unsqueeze(-1).expand(-1, -1, -1, layer.keys.size(-1))
        layer.keys = layer.keys.gather(2, index)
        layer.values = layer.values.gather(2, index)
    return cache


@torch.no_grad()
def complete(model, prompt, ev, new):
    out = model(prompt, output_attentions=True, use_cache=True)
    cache = shrink(out.past_key_values, out.attentions, ev)
    token, produced = out.logits[:, -1:].argmax(-1), []
    for i in range(new):
        produced.append(token.item())
        position = torch.tensor([[prompt.size(1) + i]])
        token = model(token, past_key_values=cache, position_ids=position).logits[:, -1:].argmax(-1)
    return produced


if __name__ == "__main__":
    ids = torch.randint(0, 100, (1, 48), generator=torch.Generator().manual_seed(2))
    print(complete(tiny_mistral(), ids, Eviction(), new=8))
