import torch
from torch import nn


class Activity(nn.Module):
    def __init__(self, window, channels, classes):
        super().__init__()
        self.bn = nn.BatchNorm1d(window)
        self.rnn = nn.LSTM(channels, 24, batch_first=True)
        self.fc = nn.Linear(24, classes)

    def forward(self, x):
        x = self.bn(x)
        _, (h, _) = self.rnn(x)
        return self.fc(h[-1])


torch.manual_seed(9)
scale = torch.tensor([0.1, 1.0, 100.0])
signal = torch.randn(400, 50, 3) * scale
labels = (signal[:, -10:, 0].sum(dim=1) > 0).long()
model = Activity(50, 3, 2)
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(40):
    loss = nn.functional.cross_entropy(model(signal[:300]), labels[:300])
    opt.zero_grad()
    loss.backward()
    opt.step()
model.eval()
with torch.no_grad():
    acc = (model(signal[300:]).argmax(dim=1) == labels[300:]).float().mean()
print(f"test accuracy {acc.item():.4f}")
