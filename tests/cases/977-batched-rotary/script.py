"""Greedy batched generation with a small rotary decoder over left-padded prompts."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class RotaryEmbedding(nn.Module):
    def __init__(self, dim, base=100.0):
        super().__init__()
        self.register_buffer("inv_freq", 1.0 / base ** (torch.arange(0, dim, 2).float() / dim))

    def forward(self, position_ids):
        inv_freq = self.inv_freq[:, None].expand(-1, position_ids.shape[0])
        freqs = (inv_freq @ position_ids.float()).t()
        emb = torch.cat([freqs, freqs], dim=-1)
        return emb.cos(), emb.sin()


def apply_rotary(x, cos, sin):
    cos, sin = cos.unsqueeze(-3), sin.unsqueeze(-3)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.rotary = heads, RotaryEmbedding(dim // heads)
        self.qkv, self.o_proj = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x, mask, position_ids):
        q, k, v = [p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in self.qkv(x).chunk(3, -1)]
        cos, sin = self.rotary(position_ids)
        q, k = apply_rotary(q, cos, sin), apply_rotary(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Decoder(nn.Module):
    def __init__(self, vocab=60, dim=32, heads=4, n_layers=2):
        super().__init__()
        self.embed, self.lm_head = nn.Embedding(vocab, dim), nn.Linear(dim, vocab, bias=False)
        self.layers = nn.ModuleList(Attention(dim, heads) for _ in range(n_layers))
        self.apply(lambda m: nn.init.normal_(m.weight, std=0.4) if hasattr(m, "weight") else None)

    def forward(self, ids, attention_mask):
        position_ids = (attention_mask.cumsum(-1) - 1).clamp(min=0)
        causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
        mask = (causal & attention_mask[:, None, None, :].bool()) | torch.eye(ids.size(1), dtype=torch.bool)
        x = self.embed(ids)
        for layer in self.layers:
            x = x + layer(F.rms_norm(x, x.shape[-1:]), mask, position_ids)
        return self.lm_head(x)


@torch.no_grad()
def generate(model, prompts, max_new_tokens=6):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    for _ in range(max_new_tokens):
        ids = torch.cat([ids, model(ids, mask)[:, -1:].argmax(-1)], dim=1)
        mask = F.pad(mask, (0, 1), value=1)
    return ids[:, width:].tolist()


if __name__ == "__main__":
    torch.manual_seed(1)
    model = Decoder().eval()
    prompts = [[5, 17, 33, 8], [41, 2, 9, 9, 50, 13, 27], [22, 30]]
    for prompt, answer in zip(prompts, generate(model, prompts)):
        print(prompt, "in the batch", answer, "alone", generate(model, [prompt])[0])
