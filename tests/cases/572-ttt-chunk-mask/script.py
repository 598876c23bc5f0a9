"""Draft head training with test-time unrolling: step k attends to the keys of all earlier steps."""
import torch
from torch import nn

CFG = {"width": 32, "heads": 4, "vocab": 40, "unroll": 3}


def prepare_4d_causal_mask(attention_mask, q_len, kv_len, dtype):
    low = torch.finfo(dtype).min
    causal = torch.full((q_len, q_len), low, dtype=dtype).triu(1)
    causal = causal.repeat(1, kv_len // q_len)[None, None]
    padding = (1.0 - attention_mask[:, None, None, :].to(dtype)) * low
    return (causal + padding).clamp(min=low)


class DraftAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.dim = heads, width // heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))

    def split(self, t):
        return t.view(t.size(0), t.size(1), self.heads, self.dim).transpose(1, 2)

    def forward(self, x, attention_mask, store):
        q = self.split(self.q(x))
        store["k"].append(self.split(self.k(x)))
        store["v"].append(self.split(self.v(x)))
        k, v = torch.cat(store["k"], dim=2), torch.cat(store["v"], dim=2)
        bias = prepare_4d_causal_mask(attention_mask, q.size(2), k.size(2), x.dtype)
        weights = (q @ k.transpose(2, 3) / self.dim ** 0.5 + bias).softmax(-1)
        return self.o((weights @ v).transpose(1, 2).flatten(2))


class DraftHead(nn.Module):
    def __init__(self, width, heads, vocab):
        super().__init__()
        self.fuse = nn.Linear(2 * width, width)
        self.attn = DraftAttention(width, heads)
        self.embed = nn.Embedding(vocab, width)
        self.out = nn.Linear(width, vocab)

    def unroll(self, hidden, ids, attention_mask, steps):
        store = {"k": [], "v": []}
        for _ in range(steps):
            x = self.fuse(torch.cat([self.embed(ids), hidden], dim=-1))
            hidden = x + self.attn(x, attention_mask, store)
            yield self.out(hidden)
            ids = torch.roll(ids, -1, dims=1)


def train():
    torch.manual_seed(0)
    head = DraftHead(CFG["width"], CFG["heads"], CFG["vocab"])
    opt = torch.optim.SGD(head.parameters(), lr=0.05)
    ids = torch.randint(1, CFG["vocab"], (3, 8))
    mask = (torch.arange(8) < torch.tensor([[8], [5], [7]])).long()
    hidden = torch.randn(3, 8, CFG["width"])
    loss = torch.zeros(())
    for k, logits in enumerate(head.unroll(hidden, ids, mask, CFG["unroll"])):
        targets = torch.roll(ids, -(k + 1), dims=1).masked_fill(mask == 0, -100)
        loss = loss + 0.8 ** k * nn.functional.cross_entropy(logits.transpose(1, 2), targets)
        print(f"unroll step {k}: accumulated loss {loss.item():.3f}")
    loss.backward()
    opt.step()


if __name__ == "__main__":
    train()
