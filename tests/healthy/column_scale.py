import torch
from torch import nn

torch.manual_seed(5)
readings = torch.randn(300, 4) * torch.tensor([2.0, 8.0, 0.1, 1.0]) + torch.tensor([20.0, 1013.0, 0.5, 4.0])
target = (readings[:, :1] - 20) / 2 + 10 * (readings[:, 2:3] - 0.5)

train, test = readings[:240], readings[240:]
mu, sd = train.mean(dim=0), train.std(dim=0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(200):
    loss = nn.functional.mse_loss(model((train - mu) / sd), target[:240])
    opt.zero_grad()
    loss.backward()
    opt.step()
with torch.no_grad():
    test_loss = (model((test - mu) / sd) - target[240:]).abs().mean()
print(f"train {loss.item():.5f} test mae {test_loss.item():.5f}")
