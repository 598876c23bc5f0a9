"""Chat turns through one decoder layer whose cache is allocated in blocks."""
import torch
from torch import nn
from torch.nn import functional as F

ALLOC_BLOCK = 16


class BlockCache:
    def __init__(self, rows, heads, head_dim):
        self.keys = torch.zeros(rows, heads, ALLOC_BLOCK, head_dim)
        self.values = torch.zeros(rows, heads, ALLOC_BLOCK, head_dim)
        self.used = 0

    def reserve(self):
        rows, heads, _, head_dim = self.keys.shape
        room = self.keys.new_zeros(rows, heads, ALLOC_BLOCK, head_dim)
        self.keys = torch.cat([self.keys, room], dim=2)
        self.values = torch.cat([self.values, room], dim=2)

    def append(self, key, value):
        if self.used == self.keys.size(2):
            self.reserve()
        end = self.used + key.size(2)
        self.keys[:, :, self.used:end] = key
        self.values[:, :, self.used:end] = value
        self.used = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class TinyChat(nn.Module):
    def __init__(self, vocab=90, width=32, heads=4):
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(vocab, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.head = nn.Linear(width, vocab)

    def new_cache(self):
        width = self.embed.embedding_dim
        return BlockCache(1, self.heads, width // self.heads)

    def forward(self, ids, cache):
        x = self.embed(ids)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        k, v = cache.append(k, v)
        causal = torch.ones(q.size(2), k.size(2), dtype=torch.bool).tril(k.size(2) - q.size(2))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=causal)
        return self.head(x + out.transpose(1, 2).flatten(2))


@torch.no_grad()
def reply(model, cache, turn, length):
    token = model(torch.tensor([turn]), cache)[:, -1].argmax(-1, keepdim=True)
    answer = [token.item()]
    while len(answer) < length:
        token = model(token, cache)[:, -1].argmax(-1, keepdim=True)
        answer.append(token.item())
    return answer


def main():
    torch.manual_seed(3)
    model = TinyChat().eval()
    cache = model.new_cache()
    turns = [(list(range(5, 15)), 8), (list(range(30, 36)), 7), (list(range(60, 67)), 5)]
    for number, (turn, length) in enumerate(turns):
        print(f"turn {number} cached {cache.used:>3} answer {reply(model, cache, turn, length)}")


if __name__ == "__main__":
    main()
