import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = ["bird", "boat", "bottle", "bus", "cat", "chair", "dog"]


def word_vectors(names, dim=10):
    table = torch.empty(len(names), dim)
    for row, name in zip(table, names):
        seed = sum(ord(c) * 31 ** i for i, c in enumerate(name))
        row.normal_(generator=torch.Generator().manual_seed(seed))
    return table


class SemanticDecoupling(nn.Module):
    """One attention map over the picture for every label vector."""

    def __init__(self, channels, word_dim, inner=16):
        super().__init__()
        self.fc_image = nn.Linear(channels, inner, bias=False)
        self.fc_word = nn.Linear(word_dim, inner, bias=False)
        self.fc_score = nn.Linear(inner, 1)

    def forward(self, feature_map, words):
        pixels = feature_map.flatten(2).transpose(1, 2)
        joint = torch.tanh(self.fc_image(pixels).unsqueeze(2) * self.fc_word(words))
        attention = self.fc_score(joint).squeeze(-1).softmax(dim=1)
        return attention.transpose(1, 2) @ pixels


class Recognizer(nn.Module):
    def __init__(self, word_dim, channels=12):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.decoupling = SemanticDecoupling(channels, word_dim)
        self.classifier = nn.Linear(channels, 1)

    def forward(self, images, words):
        return self.classifier(self.decoupling(self.backbone(images), words)).squeeze(-1)


class Parallel(nn.Module):
    """Runs the module once per device on its share of the inputs and puts the results together."""

    def __init__(self, module, devices):
        super().__init__()
        self.module, self.devices = module, devices

    def scatter(self, inputs):
        images, *shared = inputs
        return [(share, *shared) for share in images.chunk(self.devices)]

    def forward(self, *inputs):
        outputs = [self.module(*share) for share in self.scatter(inputs)]
        return torch.cat(outputs, dim=0)


def train(devices):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(16, 3, 16, 16), torch.randint(0, 2, (16, len(CLASSES))).float())
    words = word_vectors(CLASSES)
    model = Parallel(Recognizer(words.size(1)), devices)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for images, target in DataLoader(data, batch_size=8):
        scores = model(images, words)
        loss = nn.functional.binary_cross_entropy_with_logits(scores, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    for devices in (1, 2):
        print(devices, "device(s), loss", round(train(devices), 4))
