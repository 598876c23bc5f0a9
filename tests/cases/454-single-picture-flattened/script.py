"""Clothes classifier: train on batches, then name a few samples of the test set."""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

CLASS_NAMES = ["top", "trouser", "coat", "bag", "boot"]


class Clothes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.targets = torch.randint(len(CLASS_NAMES), (n,), generator=g)
        self.images = torch.rand(n, 1, 28, 28, generator=g) * 0.3
        for image, label in zip(self.images, self.targets.tolist()):
            image[:, 4 + 4 * label:8 + 4 * label] += 0.7

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.images[i], self.targets[i]


class TinyVGG(nn.Module):
    def __init__(self, input_shape, hidden_units, output_shape):
        super().__init__()
        self.block_1 = self.block(input_shape, hidden_units)
        self.block_2 = self.block(hidden_units, hidden_units)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(hidden_units * 7 * 7, output_shape))

    @staticmethod
    def block(n_in, n_out):
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.classifier(self.block_2(self.block_1(x)))


def fit(model, loader, epochs=2):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(epochs):
        for images, targets in loader:
            loss = nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")


def pick_samples(dataset, k):
    chosen = torch.randperm(len(dataset))[:k].tolist()
    return zip(*(dataset[i] for i in chosen))


def make_predictions(model, samples):
    model.eval()
    probabilities = []
    with torch.inference_mode():
        for sample in samples:
            logits = model(sample)
            probabilities.append(logits.squeeze().softmax(dim=0))
    return torch.stack(probabilities)


if __name__ == "__main__":
    torch.manual_seed(42)
    model = TinyVGG(input_shape=1, hidden_units=10, output_shape=len(CLASS_NAMES))
    fit(model, DataLoader(Clothes(160, seed=1), batch_size=32, shuffle=True))
    samples, labels = pick_samples(Clothes(40, seed=2), k=5)
    for p, label in zip(make_predictions(model, samples), labels):
        print(f"{CLASS_NAMES[p.argmax()]:8s} {p.max().item():.2f}  truth {CLASS_NAMES[label]}")
