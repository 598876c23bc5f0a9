"""Biased matrix factorization on explicit ratings."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

USERS, MOVIES, RATINGS = 30, 40, 600


class MatrixFactorization(nn.Module):
    def __init__(self, users, items, factors=8):
        super().__init__()
        self.user_factors = nn.Embedding(users, factors)
        self.item_factors = nn.Embedding(items, factors)
        self.user_bias = nn.Embedding(users, 1)
        self.item_bias = nn.Embedding(items, 1)
        self.register_buffer("mean", torch.zeros(()))
        for table in (self.user_factors, self.item_factors):
            nn.init.normal_(table.weight, std=0.1)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)

    def forward(self, user, item):
        p_u, q_i = self.user_factors(user), self.item_factors(item)
        r_ui = (p_u * q_i).sum(1)
        bias = self.user_bias(user).squeeze(1) + self.item_bias(item).squeeze(1)
        return self.mean + bias + r_ui


def ratings(seed=0):
    g = torch.Generator().manual_seed(seed)
    taste, genre = torch.randn(USERS, 3, generator=g), torch.randn(MOVIES, 3, generator=g)
    user = torch.randint(0, USERS, (RATINGS,), generator=g)
    item = torch.randint(0, MOVIES, (RATINGS,), generator=g)
    score = 3 + 0.7 * (taste[user] * genre[item]).sum(1)
    return TensorDataset(user, item, score.round().clamp(1, 5))


def squared_error(predicted, score):
    return (predicted - score) ** 2


def run_epoch(model, loader, optimizer=None):
    errors = []
    for user, item, score in loader:
        error = squared_error(model(user, item), score)
        if optimizer is not None:
            optimizer.zero_grad()
            error.mean().backward()
            optimizer.step()
        errors.append(error.mean().item())
    return (sum(errors) / len(errors)) ** 0.5


def main():
    torch.manual_seed(0)
    data = ratings()
    train_set, test_set = random_split(data, [500, 100], generator=torch.Generator().manual_seed(1))
    model = MatrixFactorization(USERS, MOVIES)
    model.mean.fill_(torch.stack([row[2] for row in train_set]).mean())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
    for epoch in range(15):
        rmse = run_epoch(model, train_loader, optimizer)
    print(f"train RMSE {rmse:.3f}")
    model.eval()
    with torch.no_grad():
        print(f"test RMSE {run_epoch(model, DataLoader(test_set, batch_size=50)):.3f}")


if __name__ == "__main__":
    main()
