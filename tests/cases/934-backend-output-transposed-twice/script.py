import torch
import torch.nn as nn
import torch.nn.functional as F


def sdpa(q, k, v, doc_ids):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def varlen(q, k, v, doc_ids):
    """Several documents per row; each one only attends to itself."""
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    out = torch.empty_like(q)
    for row, ids in enumerate(doc_ids):
        start = 0
        for size in ids.unique_consecutive(return_counts=True)[1].tolist():
            span = slice(start, start + size)
            qs, ks, vs = (t[row, span].transpose(0, 1) for t in (q, k, v))
            out[row, span] = F.scaled_dot_product_attention(qs, ks, vs, is_causal=True).transpose(0, 1)
            start += size
    return out


BACKENDS = {"sdpa": sdpa, "varlen": varlen}


class Attention(nn.Module):
    def __init__(self, dim, n_heads, backend):
        super().__init__()
        self.n_heads, self.head_dim = n_heads, dim // n_heads
        self.wqkv = nn.Linear(dim, 3 * dim, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)
        self.inner = BACKENDS[backend]

    def forward(self, x, doc_ids):
        bs, seqlen, _ = x.shape
        qkv = self.wqkv(x).view(bs, seqlen, 3, self.n_heads, self.head_dim)
        xq, xk, xv = (t.transpose(1, 2) for t in qkv.unbind(2))
        output = self.inner(xq, xk, xv, doc_ids)
        output = output.transpose(1, 2).contiguous()
        return self.wo(output.view(bs, seqlen, -1))


class Decoder(nn.Module):
    def __init__(self, vocab=60, dim=32, n_heads=4, depth=2, backend="varlen"):
        super().__init__()
        self.tok = nn.Embedding(vocab, dim)
        self.norms = nn.ModuleList(nn.RMSNorm(dim) for _ in range(depth))
        self.layers = nn.ModuleList(Attention(dim, n_heads, backend) for _ in range(depth))
        self.out = nn.Linear(dim, vocab, bias=False)

    def forward(self, tokens, doc_ids):
        h = self.tok(tokens)
        for norm, layer in zip(self.norms, self.layers):
            h = h + layer(norm(h), doc_ids)
        return self.out(h)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Decoder().eval()
    tokens = torch.randint(0, 60, (2, 11))
    docs = torch.tensor([[0] * 5 + [1] * 6, [0] * 3 + [1] * 4 + [2] * 4])
    with torch.no_grad():
        logits = model(tokens, docs)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    print("loss", round(loss.item(), 4))
    for row, best in zip(tokens.tolist(), logits.argmax(-1).tolist()):
        print(row, "->", best)
