"""Protein localisation: eighteen labels per microscope picture."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LABELS, BATCH, SIDE = 18, 8, 24


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 12, 3)
        self.conv2 = nn.Conv2d(12, 16, 3)
        self.pool = nn.MaxPool2d(2)
        side = ((SIDE - 2) // 2 - 2) // 2
        self.flat = 16 * side * side
        self.fc = nn.Linear(self.flat, LABELS)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = x.view(-1, self.flat)
        return torch.sigmoid(self.fc(x))


def slides(count):
    gen = torch.Generator().manual_seed(5)
    labels = (torch.rand(count, LABELS, generator=gen) < 0.2).float()
    images = torch.rand(count, 4, SIDE, SIDE, generator=gen)
    images[:, 0, :LABELS, :3] += labels.unsqueeze(-1)
    return TensorDataset(images, labels)


def train_epoch(model, loader, criterion, optimizer):
    total = 0.0
    for images, labels in loader:
        outputs = model(images)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def main():
    torch.manual_seed(0)
    model = Net()
    loader = DataLoader(slides(48), batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(1, 4):
        loss = train_epoch(model, loader, nn.MSELoss(), optimizer)
        print(f"epoch {epoch}, {loss:.6f}")


if __name__ == "__main__":
    main()
