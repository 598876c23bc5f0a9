import torch
import torch.nn as nn
import torch.nn.functional as F


class SelfAttention(nn.Module):
    def __init__(self, hidden, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.head_dim = hidden // n_heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.dense = nn.Linear(hidden, hidden)

    def split(self, x):
        return x.view(*x.shape[:-1], self.n_heads, self.head_dim).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        context = F.scaled_dot_product_attention(q, k, v)
        return self.dense(context.transpose(1, 2).flatten(2))


class Classifier(nn.Module):
    def __init__(self, vocab=50, hidden=48, n_heads=6, layers=2, classes=3):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.layers = nn.ModuleList(SelfAttention(hidden, n_heads) for _ in range(layers))
        self.out = nn.Linear(hidden, classes)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = x + layer(x)
        return self.out(x.mean(1))


def shrink(linear, index, dim=0):
    weight = linear.weight.detach().index_select(dim, index)
    small = nn.Linear(weight.size(1), weight.size(0))
    small.weight.data.copy_(weight)
    small.bias.data.copy_(linear.bias.detach()[index] if dim == 0 else linear.bias.detach())
    return small


def prune_heads(attention, keep):
    norms = attention.query.weight.detach().view(attention.n_heads, -1).norm(dim=1)
    best = norms.topk(keep).indices.sort().values
    rows = torch.arange(attention.query.out_features).view(attention.n_heads, -1)[best].flatten()
    attention.query = shrink(attention.query, rows)
    attention.key = shrink(attention.key, rows)
    attention.value = shrink(attention.value, rows)
    attention.dense = shrink(attention.dense, rows, dim=1)
    attention.n_heads = keep


def main():
    torch.manual_seed(0)
    model = Classifier().eval()
    ids = torch.randint(0, 50, (2, 10))
    before = model(ids).argmax(1).tolist()
    for layer in model.layers:
        prune_heads(layer, keep=4)
    print("before", before, "after", model(ids).argmax(1).tolist())


if __name__ == "__main__":
    main()
