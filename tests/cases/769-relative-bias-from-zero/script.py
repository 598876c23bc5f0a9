"""Greedy decoding with a small T5-like decoder, with and without the key/value cache."""
import torch
from torch import nn

VOCAB, WIDTH, HEADS, DEPTH, FAR = 40, 32, 4, 2, 16


class RelativeBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(FAR + 1, HEADS)

    def forward(self, q_len, k_len):
        query_pos = torch.arange(q_len)[:, None]
        key_pos = torch.arange(k_len)[None, :]
        bucket = (query_pos - key_pos).clamp(0, FAR)
        return self.table(bucket).permute(2, 0, 1).unsqueeze(0)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
        self.ff = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 64), nn.ReLU(), nn.Linear(64, WIDTH))

    def split(self, t):
        return t.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    def forward(self, x, bias, past):
        h = self.norm(x)
        q, k, v = self.split(self.q(h)), self.split(self.k(h)), self.split(self.v(h))
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        scores = q @ k.mT + bias(q.size(2), k.size(2))
        seen = torch.ones(q.size(2), k.size(2), dtype=torch.bool).tril(k.size(2) - q.size(2))
        out = scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v
        x = x + self.o(out.transpose(1, 2).flatten(2))
        return x + self.ff(x), (k, v)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        self.bias = RelativeBias()
        self.layers = nn.ModuleList(Layer() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, ids, past=None):
        x, present = self.embed(ids), []
        for layer, layer_past in zip(self.layers, past or [None] * len(self.layers)):
            x, kv = layer(x, self.bias, layer_past)
            present.append(kv)
        return self.head(x), present


@torch.no_grad()
def greedy(model, start, steps, use_cache):
    ids, past, feed = start, None, start
    for _ in range(steps):
        logits, present = model(feed, past)
        token = logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, token], dim=1)
        past, feed = (present, token) if use_cache else (None, ids)
    return ids[:, start.size(1):]


if __name__ == "__main__":
    torch.manual_seed(1)
    model = Decoder().eval()
    start = torch.randint(0, VOCAB, (2, 6))
    for use_cache in (False, True):
        print(f"cache {use_cache!s:<5}", greedy(model, start, 8, use_cache).tolist())
