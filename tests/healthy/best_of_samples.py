"""Prompts in the order of a ranker, several samples of each, and the samples in the order of their scores at the end."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
VOCAB, SAMPLES = 40, 4


def model(layers):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64,
        )
    ).eval()  # fmt: skip


class Causal(nn.Module):
    """Attention that is causal where there are as many queries as keys, and sees everything in a step."""

    def __init__(self, width=16):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x, kept=None):
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        if kept is not None:
            k, v = torch.cat([kept[0], k], 2), torch.cat([kept[1], v], 2)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=q.size(2) == k.size(2))
        return out.transpose(1, 2).flatten(2), (k, v)


ranker, writer = model(1), model(2)
with torch.no_grad():
    prompts = torch.randint(3, VOCAB, (3, 5))
    ranks = ranker(prompts).logits[:, -1, 0]
    prompts = prompts[ranks.argsort(descending=True)]
    for prompt in prompts:
        ids = prompt.repeat(SAMPLES, 1)
        cache, score = None, torch.zeros(SAMPLES)
        for _ in range(4):
            out = writer(ids if cache is None else ids[:, -1:], past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            chosen = torch.multinomial(out.logits[:, -1].softmax(-1), 1)
            score = score + out.logits[:, -1].log_softmax(-1).gather(1, chosen).squeeze(1)
            ids = torch.cat([ids, chosen], dim=1)
        ids = ids[score.argsort(descending=True)]
        print(ids[0].tolist())
    attention, kept = Causal(), None
    for length in (5, 1, 1):
        states, kept = attention(torch.randn(2, length, 16), kept)
    print(states.shape)
