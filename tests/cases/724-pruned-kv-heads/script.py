import torch
from torch import nn
from torch.nn import functional as F


class GroupedAttention(nn.Module):
    def __init__(self, width, num_heads, num_kv_heads, head_dim):
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.groups = num_heads // num_kv_heads
        self.q_proj = nn.Linear(width, num_heads * head_dim, bias=False)
        self.k_proj = nn.Linear(width, num_kv_heads * head_dim, bias=False)
        self.v_proj = nn.Linear(width, num_kv_heads * head_dim, bias=False)
        self.o_proj = nn.Linear(num_heads * head_dim, width, bias=False)

    def forward(self, x):
        bsz, q_len, _ = x.shape
        query = self.q_proj(x).view(bsz, q_len, self.num_heads, self.head_dim).transpose(1, 2)
        key = self.k_proj(x).view(bsz, q_len, self.num_kv_heads, self.head_dim).transpose(1, 2)
        value = self.v_proj(x).view(bsz, q_len, self.num_kv_heads, self.head_dim).transpose(1, 2)
        key, value = (t.repeat_interleave(self.groups, dim=1) for t in (key, value))
        out = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(out.transpose(1, 2).reshape(bsz, q_len, -1))


class TinyLM(nn.Module):
    def __init__(self, vocab=60, width=64, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(GroupedAttention(width, 8, 4, 8) for _ in range(layers))
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(layers))
        self.head = nn.Linear(width, vocab, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(x)


def shrink(linear, index, dim):
    linear.weight = nn.Parameter(linear.weight.detach().index_select(dim, index))
    linear.out_features, linear.in_features = linear.weight.shape


def rows_of(heads, head_dim):
    return (heads[:, None] * head_dim + torch.arange(head_dim)).flatten()


def prune(model, ratio):
    for layer in model.layers:
        saliency = layer.k_proj.weight.detach().view(layer.num_kv_heads, -1).norm(dim=1)
        kept = saliency.topk(int(layer.num_kv_heads * (1 - ratio))).indices.sort().values
        kept_queries = rows_of(kept, layer.groups)
        q_rows, kv_rows = rows_of(kept_queries, layer.head_dim), rows_of(kept, layer.head_dim)
        shrink(layer.q_proj, q_rows, dim=0)
        shrink(layer.k_proj, kv_rows, dim=0)
        shrink(layer.v_proj, kv_rows, dim=0)
        shrink(layer.o_proj, q_rows, dim=1)
        layer.num_heads = len(kept_queries)


def count(model):
    return sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    torch.manual_seed(0)
    model = TinyLM().eval()
    prompt = torch.randint(0, 60, (2, 7))
    with torch.no_grad():
        print("before", count(model), "next", model(prompt)[:, -1].argmax(-1).tolist())
        prune(model, ratio=0.25)
        print("pruned", count(model))
        print("after ", count(model), "next", model(prompt)[:, -1].argmax(-1).tolist())
