import torch
from torch import nn


def windows(series, window):
    n_series = series.size(1)
    cut = series.unfold(0, window, 1)
    return cut.reshape(-1, window, n_series)


torch.manual_seed(43)
t = torch.arange(300.0)
series = torch.stack([torch.sin(t / 5), torch.cos(t / 9), (t % 12) / 6 - 1], dim=1)
series = series + 0.05 * torch.randn_like(series)
x = windows(series[:-1], 18)
y = series[18:, 0]
model = nn.GRU(3, 16, batch_first=True)
head = nn.Linear(16, 1)
opt = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=1e-2)
for _epoch in range(30):
    out, _ = model(x)
    loss = (head(out[:, -1]).squeeze(1) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"next step mse {loss.item():.4f}")
