import torch
from torch import nn


class SelfAttention(nn.Module):
    def __init__(self, hidden_size, num_attention_heads):
        super().__init__()
        self.num_attention_heads = num_attention_heads
        self.attention_head_size = hidden_size // num_attention_heads
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.dense = nn.Linear(hidden_size, hidden_size)

    def transpose_for_scores(self, x):
        shape = x.shape[:-1] + (self.num_attention_heads, self.attention_head_size)
        return x.view(*shape).permute(0, 2, 1, 3)

    def forward(self, hidden):
        q, k, v = (self.transpose_for_scores(f(hidden)) for f in (self.query, self.key, self.value))
        probs = (q @ k.transpose(-1, -2) / self.attention_head_size ** 0.5).softmax(-1)
        return self.dense((probs @ v).permute(0, 2, 1, 3).flatten(2))

    def prune_heads(self, heads):
        mask = torch.ones(self.num_attention_heads, self.attention_head_size, dtype=torch.bool)
        mask[list(heads)] = False
        keep = mask.view(-1).nonzero().squeeze(1)
        for name in ("query", "key", "value"):
            setattr(self, name, prune_linear_layer(getattr(self, name), keep, dim=0))
        self.dense = prune_linear_layer(self.dense, keep, dim=1)


def prune_linear_layer(layer, index, dim):
    weight = layer.weight.detach().index_select(dim, index)
    bias = layer.bias.detach() if dim == 1 else layer.bias.detach()[index]
    new = nn.Linear(weight.size(1), weight.size(0))
    with torch.no_grad():
        new.weight.copy_(weight)
        new.bias.copy_(bias)
    return new


class Classifier(nn.Module):
    def __init__(self, vocab=50, hidden=48, heads=6, layers=3):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.layers = nn.ModuleList(SelfAttention(hidden, heads) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(hidden), nn.Linear(hidden, 2)

    def forward(self, ids):
        h = self.embed(ids)
        for layer in self.layers:
            h = self.norm(h + layer(h))
        return self.out(h.mean(1))


def parse(descriptor):
    """'1:3 2:0,4' -> {1: {3}, 2: {0, 4}}"""
    pairs = (part.split(":") for part in descriptor.split())
    return {int(layer): {int(h) for h in heads.split(",")} for layer, heads in pairs}


@torch.no_grad()
def evaluate(model, ids):
    return model(ids).softmax(-1)[:, 1].mean().item()


torch.manual_seed(0)
bert, sentences = Classifier().eval(), torch.randint(0, 50, (8, 10))
print("all heads      %.4f" % evaluate(bert, sentences))
for descriptor in ("2:5", "1:3 2:0,4"):
    for layer, heads in parse(descriptor).items():
        bert.layers[layer].prune_heads(heads)
    print("without %-7s %.4f" % (descriptor, evaluate(bert, sentences)))
