"""Speculative decoding: a one-layer drafter proposes tokens, a larger verifier checks them."""
import torch
from torch import nn
import torch.nn.functional as F

DEFAULT_MAX_SEQ = 64


class KVCache:
    def __init__(self, heads, dim, max_seq=DEFAULT_MAX_SEQ):
        self.keys, self.values = torch.zeros(2, 1, heads, max_seq, dim)
        self.offset = 0

    def append(self, k, v):
        n = k.size(2)
        self.keys.narrow(2, self.offset, n).copy_(k)
        self.values.narrow(2, self.offset, n).copy_(v)
        self.offset += n
        return self.keys[:, :, :self.offset], self.values[:, :, :self.offset]


class TinyLM(nn.Module):
    def __init__(self, depth, vocab=50, width=32, heads=2):
        super().__init__()
        self.heads, self.dim = heads, width // heads
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Embedding(256, width)
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(depth))
        self.head = nn.Linear(width, vocab)

    @torch.no_grad()
    def forward(self, ids, caches):
        past, n = caches[0].offset, ids.size(1)
        x = self.embed(ids) + self.place(torch.arange(past, past + n))
        mask = torch.ones(n, past + n, dtype=torch.bool).tril(past)
        for layer, cache in zip(self.qkv, caches):
            q, k, v = layer(x).view(1, n, 3, self.heads, self.dim).permute(2, 0, 3, 1, 4)
            out = F.scaled_dot_product_attention(q, *cache.append(k, v), attn_mask=mask)
            x = x + out.transpose(1, 2).reshape(1, n, -1)
        return self.head(x).argmax(-1)


class Speculator:
    def __init__(self, verifier, drafter, block=4):
        self.verifier, self.drafter, self.block = verifier, drafter, block

    def reset(self, max_seq):
        v, d = self.verifier, self.drafter
        self.v_caches = [KVCache(v.heads, v.dim, max_seq) for _ in v.qkv]
        self.d_caches = [KVCache(d.heads, d.dim, max_seq) for _ in d.qkv]

    def generate(self, prompt, max_new):
        self.reset(max_seq=len(prompt) + max_new + self.block + 1)
        seq, target = list(prompt), len(prompt) + max_new
        while len(seq) < target:
            draft = []
            for _ in range(self.block):
                todo = (seq + draft)[self.d_caches[0].offset:]
                draft.append(self.drafter(torch.tensor([todo]), self.d_caches)[0, -1].item())
            todo = (seq + draft)[self.v_caches[0].offset:]
            checked = self.verifier(torch.tensor([todo]), self.v_caches)[0, -self.block - 1:].tolist()
            good = next((i for i in range(self.block) if draft[i] != checked[i]), self.block)
            seq += draft[:good] + [checked[good]]
            for cache in self.v_caches + self.d_caches:
                cache.offset = min(cache.offset, len(seq) - 1)
        return seq[len(prompt):target]


if __name__ == "__main__":
    torch.manual_seed(0)
    spec = Speculator(TinyLM(depth=3).eval(), TinyLM(depth=1).eval())
    for name, length, max_new in (("chat", 9, 12), ("summary", 30, 20), ("report", 44, 32)):
        answer = spec.generate(torch.randint(0, 50, (length,)).tolist(), max_new)
        print(f"{name:<8} prompt {length:>3}  answer {len(answer):>3}  last {answer[-3:]}")
