import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

batch_size = 20
classes = ["circle", "square", "cross"]


def drawings(n, seed):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=g)
    images = 0.2 * torch.rand(n, 1, 12, 12, generator=g)
    for image, label in zip(images, labels):
        if label == 0:
            image[0, 3:9, 3:9] += 0.5
        elif label == 1:
            image[0, 2:10, (2, 9)] += 0.8
        else:
            image[0, 5:7] += 0.7
    return TensorDataset(images, labels)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(144, 48)
        self.fc2 = nn.Linear(48, 3)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        x = self.dropout(F.relu(self.fc1(x.flatten(1))))
        return self.fc2(x)


train_loader = DataLoader(drawings(120, 1), batch_size=batch_size, shuffle=True)
test_loader = DataLoader(drawings(50, 2), batch_size=batch_size)

torch.manual_seed(0)
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(3):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1} training loss {loss.item():.3f}")

test_loss = 0.0
class_correct, class_total = [0] * 3, [0] * 3
model.eval()
for data, target in test_loader:
    with torch.no_grad():
        output = model(data)
    test_loss += criterion(output, target).item() * data.size(0)
    pred = output.argmax(1)
    correct = pred.eq(target)
    for i in range(len(target)):
        label = target[i].item()
        class_correct[label] += correct[i].item()
        class_total[label] += 1

print(f"test loss {test_loss / len(test_loader.dataset):.3f}")
for name, good, total in zip(classes, class_correct, class_total):
    print(f"{name}: {good}/{total}")
