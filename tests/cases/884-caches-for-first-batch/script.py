"""Generation tasks of an evaluation harness on a small decoder with preallocated caches."""
import torch
from torch import nn
from torch.nn import functional as F


class KVCache(nn.Module):
    def __init__(self, rows, heads, length, dim):
        super().__init__()
        self.register_buffer("k", torch.zeros(rows, heads, length, dim), persistent=False)
        self.register_buffer("v", torch.zeros(rows, heads, length, dim), persistent=False)

    def update(self, start, k, v):
        end = start + k.size(2)
        self.k[:, :, start:end] = k
        self.v[:, :, start:end] = v
        return self.k[:, :, :end], self.v[:, :, :end]


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.dim, self.cache = heads, width // heads, None
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, start):
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(rows, length, 3, self.heads, self.dim).permute(2, 0, 3, 1, 4)
        k, v = self.cache.update(start, k, v)
        mask = torch.ones(length, k.size(2), dtype=torch.bool).tril(start)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return x + self.out(y.transpose(1, 2).reshape(rows, length, width))


class Decoder(nn.Module):
    def __init__(self, vocab=50, width=32, heads=4, depth=2, context=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, vocab)

    def caches_are_setup(self):
        return self.layers[0].cache is not None

    def setup_caches(self, rows, length):
        for layer in self.layers:
            layer.cache = KVCache(rows, layer.heads, length, layer.dim)

    def forward(self, ids, start):
        x = self.tok(ids) + self.pos(torch.arange(start, start + ids.size(1)))
        for layer in self.layers:
            x = layer(x, start)
        return self.head(x[:, -1])


@torch.no_grad()
def model_generate(model, context, new_tokens):
    if not model.caches_are_setup():
        model.setup_caches(context.size(0), context.size(1) + new_tokens)
    ids, start, answer = context, 0, []
    for _ in range(new_tokens):
        logits = model(ids, start)
        start += ids.size(1)
        ids = logits.argmax(-1, keepdim=True)
        answer.append(ids)
    return torch.cat(answer, dim=1)


if __name__ == "__main__":
    torch.manual_seed(3)
    model = Decoder().eval()
    requests = torch.randint(0, 50, (10, 9))
    for i, context in enumerate(requests.split(4)):
        answers = model_generate(model, context, new_tokens=5)
        print(f"batch {i}: {answers.size(0)} answers, first {answers[0].tolist()}")
