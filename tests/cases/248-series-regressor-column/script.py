import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class SeriesDataset(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return {"X": self.X[i]}, self.y[i]


class FCNNetwork(nn.Module):
    def __init__(self, channels, outputs=1, widths=(16, 32, 16), kernels=(8, 5, 3)):
        super().__init__()
        blocks = []
        for width, kernel in zip(widths, kernels):
            blocks += [nn.Conv1d(channels, width, kernel, padding="same"), nn.BatchNorm1d(width), nn.ReLU()]
            channels = width
        self.convs = nn.Sequential(*blocks)
        self.out = nn.Linear(channels, outputs)

    def forward(self, X):
        return self.out(self.convs(X).mean(-1))


class DeepRegressor:
    def __init__(self, n_epochs=25, batch_size=16, lr=1e-2):
        self.n_epochs, self.batch_size, self.lr = n_epochs, batch_size, lr
        self.criterion = nn.MSELoss()

    def fit(self, X, y):
        self.network = FCNNetwork(X.size(1))
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.lr)
        loader = DataLoader(SeriesDataset(X, y), self.batch_size, shuffle=True)
        for _ in range(self.n_epochs):
            for inputs, outputs in loader:
                y_pred = self.network(**inputs)
                loss = self.criterion(y_pred, outputs)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return self

    @torch.no_grad()
    def predict(self, X):
        return self.network.eval()(X).flatten()


def make_series(n):
    gen = torch.Generator().manual_seed(7)
    level = torch.rand(n, generator=gen) * 4 - 2
    return level.view(n, 1, 1) + 0.3 * torch.randn(n, 2, 20, generator=gen), 3 * level


def main():
    torch.manual_seed(0)
    X, y = make_series(96)
    model = DeepRegressor().fit(X[:64], y[:64])
    error = (model.predict(X[64:]) - y[64:]).pow(2).mean()
    print(f"test R2 {1 - (error / y[64:].var()).item():.3f}")


if __name__ == "__main__":
    main()
