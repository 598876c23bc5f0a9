import torch
from torch import nn


class Forecaster(nn.Module):
    def __init__(self, features=3, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[-1]).squeeze(-1)


torch.manual_seed(6)
x = torch.randn(24, 100, 3)
y = x[-6:, :, 0].sum(dim=0)
model = Forecaster()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _step in range(60):
    loss = nn.functional.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"mse {loss.item():.4f}")
