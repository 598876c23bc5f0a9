"""Click-through model with self-attention over field embeddings."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

PARAMS = {"embedding_dim": 8, "attention_dim": 8, "num_heads": 2, "attention_layers": 2, "lr": 1e-2, "batch_size": 64}


class MultiHeadSelfAttention(nn.Module):
    def __init__(self, input_dim, attention_dim, num_heads):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, attention_dim // num_heads
        self.W_q, self.W_k, self.W_v = (nn.Linear(input_dim, attention_dim, bias=False) for _ in range(3))
        self.W_res = nn.Linear(input_dim, attention_dim, bias=False)

    def forward(self, X):
        batch_size, fields, _ = X.shape
        query = self.W_q(X).view(batch_size, fields, self.num_heads, self.head_dim).transpose(1, 2)
        key = self.W_k(X).view(batch_size, fields, self.num_heads, self.head_dim).transpose(1, 2)
        value = self.W_v(X).view(batch_size, fields, self.num_heads, self.head_dim).transpose(1, 2)
        scores = query @ key.transpose(-2, -1) / self.head_dim ** 0.5
        output = scores.softmax(dim=-1) @ value
        output = output.transpose(1, 2).reshape(batch_size, fields, -1)
        return F.relu(output + self.W_res(X))


class AutoInt(nn.Module):
    def __init__(self, vocab_sizes, params):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(v, params["embedding_dim"]) for v in vocab_sizes)
        dims = [params["embedding_dim"]] + [params["attention_dim"]] * params["attention_layers"]
        self.layers = nn.Sequential(
            *[MultiHeadSelfAttention(a, b, params["num_heads"]) for a, b in zip(dims[:-1], dims[1:])]
        )
        self.fc = nn.Linear(len(vocab_sizes) * dims[-1], 1)

    def forward(self, x):
        fields = torch.stack([table(x[:, i]) for i, table in enumerate(self.tables)], dim=1)
        return self.fc(self.layers(fields).flatten(1)).squeeze(-1)


def click_log(rows, vocab_sizes):
    gen = torch.Generator().manual_seed(4)
    x = torch.stack([torch.randint(0, v, (rows,), generator=gen) for v in vocab_sizes], dim=1)
    clicked = ((x[:, 0] + x[:, 2]) % 3 == 0) | (x[:, 1] == x[:, 3])
    return TensorDataset(x, clicked.float())


def main():
    torch.manual_seed(0)
    vocab_sizes = (6, 5, 9, 5, 4)
    model = AutoInt(vocab_sizes, PARAMS)
    optimizer = torch.optim.Adam(model.parameters(), lr=PARAMS["lr"])
    loader = DataLoader(click_log(512, vocab_sizes), batch_size=PARAMS["batch_size"])
    for epoch in range(3):
        losses = []
        for x, y in loader:
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} logloss {sum(losses) / len(losses):.4f}")


if __name__ == "__main__":
    main()
