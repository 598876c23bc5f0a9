"""Classify leaf photos into four kinds."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

IMAGE_SIZE = 64
CLASSES = ["ash", "beech", "lime", "oak"]


class LeafPhotos(Dataset):
    def __init__(self, per_class, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.items = []
        for label in range(len(CLASSES)):
            for _ in range(per_class):
                photo = torch.rand(3, 90, 80, generator=g) * 0.5
                photo[label % 3] += 0.15 * (1 + label)
                self.items.append((photo, label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        photo, label = self.items[i]
        photo = F.interpolate(photo[None], size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)[0]
        return photo, label


class ConvNet(nn.Module):
    def __init__(self, num_classes=4):
        super(ConvNet, self).__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1)
        self.conv3 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc = nn.Linear(16 * 8 * 8, num_classes)

    def forward(self, X):
        X = self.pool(F.relu(self.conv1(X)))
        X = self.pool(F.relu(self.conv2(X)))
        X = self.pool(F.relu(self.conv3(X)))
        X = X.view(X.size(0), -1)
        return self.fc(X)


def accuracy(model, loader):
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for images, labels in loader:
            hits += (model(images).argmax(1) == labels).sum().item()
            total += len(labels)
    return hits / total


def train():
    torch.manual_seed(0)
    train_loader = DataLoader(LeafPhotos(8), batch_size=8, shuffle=True)
    valid_loader = DataLoader(LeafPhotos(4, seed=1), batch_size=8)
    model = ConvNet(num_classes=len(CLASSES))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    print("parameters:", sum(p.numel() for p in model.parameters()))
    for epoch in range(4):
        model.train()
        running = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"epoch {epoch + 1}: loss {running / len(train_loader):.3f} accuracy {accuracy(model, valid_loader):.2f}")


train()
