"""Language model blocks with a residual mixture of experts: a dense MLP beside routed experts."""
import torch
from torch import nn
from torch.nn import functional as F


class TopOneExperts(nn.Module):
    def __init__(self, dim, num_experts):
        super().__init__()
        self.gate = nn.Linear(dim, num_experts, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(dim, dim), nn.GELU()) for _ in range(num_experts))

    def forward(self, x):
        flat = x.reshape(-1, x.size(-1))
        weight, chosen = self.gate(flat).softmax(dim=-1).max(dim=-1)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            rows = (chosen == number).nonzero().flatten()
            out[rows] = expert(flat[rows]) * weight[rows, None]
        return out.reshape(x.shape)


class MoE(nn.Module):
    def __init__(self, dim, num_experts=4, use_residual=False):
        super().__init__()
        self.moe = TopOneExperts(dim, num_experts)
        self.use_residual = use_residual
        if use_residual:
            self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
            self.coefficient = nn.Linear(dim, 2)

    def forward(self, hidden_states):
        output = self.moe(hidden_states)
        if self.use_residual:
            output_mlp = self.mlp(hidden_states)
            coef = self.coefficient(hidden_states)
            coef = F.softmax(coef, dim=1)
            output = output * coef[..., 0:1] + output_mlp * coef[..., 1:]
        return output


class Model(nn.Module):
    def __init__(self, vocab=50, dim=32, depth=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.layers = nn.ModuleList(MoE(dim, use_residual=True) for _ in range(depth))
        self.head = nn.Linear(dim, vocab)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(x)


def train(model, data, steps=20):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        logits = model(data[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), data[:, 1:].flatten())
        loss.backward()
        optimizer.step(); optimizer.zero_grad()
        if step % 5 == 0:
            print(f"step {step:>2} loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Model()
    train(model, torch.randint(0, 50, (6, 17)))
    model.eval()
    with torch.no_grad():
        text = torch.tensor([[4, 8, 15, 16, 23, 42, 7, 7]])
        print("last of the prefix %.4f, same with more text %.4f" % (model(text[:, :4])[0, 3, 0], model(text)[0, 3, 0]))
