import argparse

import torch
import torch.nn.functional as F
from torch import nn


def rotate(x, positions, base=10000.0):
    half = x.size(-1) // 2
    freqs = base ** (-torch.arange(half) / half)
    angles = positions[:, None] * freqs[None, :]
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


class Attend(nn.Module):
    def __init__(self, dropout=0.0, causal=True):
        super().__init__()
        self.dropout, self.causal = dropout, causal

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=self.causal,
        )


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.attend = Attend()

    def forward(self, x, offset=0, cache=None):
        rows, length, dim = x.shape
        q, k, v = (t.view(rows, length, self.heads, -1).transpose(1, 2) for t in self.to_qkv(x).chunk(3, dim=-1))
        positions = torch.arange(offset, offset + length)
        q, k = rotate(q, positions), rotate(k, positions)
        if cache is not None:
            k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
        out = self.attend(q, k, v)
        return self.to_out(out.transpose(1, 2).reshape(rows, length, dim)), (k, v)


class Decoder(nn.Module):
    def __init__(self, num_tokens, dim=48, depth=3, heads=4):
        super().__init__()
        self.token_emb = nn.Embedding(num_tokens, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.layers = nn.ModuleList(Attention(dim, heads) for _ in range(depth))
        self.to_logits = nn.Linear(dim, num_tokens, bias=False)

    def forward(self, ids, caches=None):
        offset = 0 if caches is None else caches[0][0].size(2)
        x, new = self.token_emb(ids), []
        for i, (norm, layer) in enumerate(zip(self.norms, self.layers)):
            out, kept = layer(norm(x), offset, None if caches is None else caches[i])
            x = x + out
            new.append(kept)
        return self.to_logits(x), new


@torch.no_grad()
def generate(net, prompt, length, use_cache):
    net.eval()
    ids, caches = prompt, None
    for _ in range(length):
        logits, new = net(ids if caches is None else ids[:, -1:], caches)
        caches = new if use_cache else None
        ids = torch.cat([ids, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return ids[:, prompt.size(1):]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--length", type=int, default=12)
    parser.add_argument("--num-tokens", type=int, default=40)
    return parser.parse_args([])


def main():
    args = parse()
    torch.manual_seed(3)
    net = Decoder(args.num_tokens)
    for p in net.parameters():
        if p.dim() == 2:
            nn.init.normal_(p, std=0.3)
    prompt = torch.randint(0, args.num_tokens, (2, 6))
    for use_cache in (False, True):
        for row in generate(net, prompt, args.length, use_cache).tolist():
            print("kv cache", "on " if use_cache else "off", row)


if __name__ == "__main__":
    main()
