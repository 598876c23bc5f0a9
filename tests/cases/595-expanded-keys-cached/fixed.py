import torch
from torch import nn

PRESETS = {
    "7b": dict(emb_dim=32, nheads=4, kvheads=4, nlayers=2),
    "70b": dict(emb_dim=64, nheads=8, kvheads=2, nlayers=2),
}


class MultiHeadAttention(nn.Module):
    def __init__(self, emb_dim, nheads, kvheads):
        super().__init__()
        self.nheads, self.kvheads, self.head_dim = nheads, kvheads, emb_dim // nheads
        self.query = nn.Linear(emb_dim, nheads * self.head_dim, bias=False)
        self.key = nn.Linear(emb_dim, kvheads * self.head_dim, bias=False)
        self.value = nn.Linear(emb_dim, kvheads * self.head_dim, bias=False)
        self.dense = nn.Linear(nheads * self.head_dim, emb_dim, bias=False)

    def forward(self, x, past=None, use_cache=False):
        rows, length, _ = x.shape
        queries = self.query(x).view(rows, length, self.nheads, self.head_dim).transpose(1, 2)
        keys = self.key(x).view(rows, length, self.kvheads, self.head_dim).transpose(1, 2)
        values = self.value(x).view(rows, length, self.kvheads, self.head_dim).transpose(1, 2)
        if past is not None:
            keys = torch.cat((past[0], keys), dim=2)
            values = torch.cat((past[1], values), dim=2)
        present = (keys, values)
        expansion = self.nheads // self.kvheads
        if expansion > 1:
            keys = keys.unsqueeze(2).expand(-1, -1, expansion, -1, -1).flatten(1, 2)
            values = values.unsqueeze(2).expand(-1, -1, expansion, -1, -1).flatten(1, 2)
        out = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=past is None)
        out = self.dense(out.transpose(1, 2).flatten(2))
        return (out, present) if use_cache else (out, None)


class LLaMA(nn.Module):
    def __init__(self, emb_dim, nheads, kvheads, nlayers, vocab=50):
        super().__init__()
        self.embed = nn.Embedding(vocab, emb_dim)
        self.layers = nn.ModuleList(MultiHeadAttention(emb_dim, nheads, kvheads) for _ in range(nlayers))
        self.norms = nn.ModuleList(nn.RMSNorm(emb_dim) for _ in range(nlayers))
        self.head = nn.Linear(emb_dim, vocab, bias=False)

    def forward(self, ids, past=None, use_cache=False):
        x, present = self.embed(ids), []
        for i, (attn, norm) in enumerate(zip(self.layers, self.norms)):
            out, kv = attn(norm(x), past[i] if past else None, use_cache)
            x = x + out
            present.append(kv)
        return self.head(x), present


@torch.no_grad()
def generate(model, ids, max_new_tokens, use_cache):
    past, feed = None, ids
    for _ in range(max_new_tokens):
        logits, present = model(feed, past, use_cache)
        token = logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat((ids, token), dim=1)
        past, feed = (present, token) if use_cache else (None, ids)
    return ids


if __name__ == "__main__":
    for name, preset in PRESETS.items():
        torch.manual_seed(0)
        model = LLaMA(**preset).eval()
        prompt = torch.randint(0, 50, (2, 6))
        plain = generate(model, prompt, 5, use_cache=False)
        print(name, "cache agrees", torch.equal(plain, generate(model, prompt, 5, use_cache=True)))
