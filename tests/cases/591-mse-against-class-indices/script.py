import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

BREEDS = ["akita", "beagle", "boxer", "collie", "corgi", "husky", "poodle", "pug", "samoyed", "saluki", "vizsla", "whippet"]

OPTIONS = {
    "epochs": 1,
    "batch_size": 10,
    "optimizer": ("adam", {"lr": 1e-3}),
    "criterion": "mse",
}


class BreedNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        widths = [3, 8, 16, 32]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:]))
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32 * 4 * 4, 48)
        self.fc2 = nn.Linear(48, n_classes)
        self.dropout = nn.Dropout(0.25)

    def forward(self, x):
        for conv in self.convs:
            x = self.pool(F.relu(conv(x)))
        x = x.view(x.size(0), -1)
        x = self.dropout(F.relu(self.fc1(x)))
        return self.fc2(x)


def make_optimizer(model, name, kwargs):
    table = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    return table[name](model.parameters(), **kwargs)


def make_criterion(name):
    table = {"mse": nn.MSELoss, "cross_entropy": nn.CrossEntropyLoss}
    return table[name]()


def toy_dogs(n, generator):
    labels = torch.randint(0, len(BREEDS), (n,), generator=generator)
    images = torch.rand(n, 3, 32, 32, generator=generator) + labels.view(-1, 1, 1, 1) / len(BREEDS)
    return TensorDataset(images, labels)


def train(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for data, target in loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def main():
    torch.manual_seed(1)
    model = BreedNet(len(BREEDS))
    loader = DataLoader(toy_dogs(30, torch.Generator().manual_seed(2)), batch_size=OPTIONS["batch_size"])
    optimizer = make_optimizer(model, *OPTIONS["optimizer"])
    criterion = make_criterion(OPTIONS["criterion"])
    for epoch in range(OPTIONS["epochs"]):
        print(f"epoch {epoch} training loss {train(model, loader, criterion, optimizer):.4f}")


if __name__ == "__main__":
    main()
