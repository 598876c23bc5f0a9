import torch
from torch import nn, optim

LOSSES = {"binary": nn.BCEWithLogitsLoss, "multiclass": nn.CrossEntropyLoss}


class XRays:
    """Endless loader of small chest images and whether something was found."""

    def __init__(self, batch_size, side=20):
        self.batch_size, self.side = batch_size, side
        self.gen = torch.Generator().manual_seed(11)

    def take(self, n_batches):
        for _ in range(n_batches):
            found = torch.randint(0, 2, (self.batch_size,), generator=self.gen)
            scan = torch.rand(self.batch_size, 1, self.side, self.side, generator=self.gen)
            scan[:, :, 5:9, 5:9] += found.view(-1, 1, 1, 1)
            yield scan, found


class Backbone(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width * 2, 3, padding=1)
        self.out_features = width * 2

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x).relu(), 2)
        return self.conv2(x).relu().amax(dim=(2, 3))


class Experiment:
    def __init__(self, task, n_classes=2, lr=5e-3):
        self.task = task
        self.criterion = LOSSES[task]()
        backbone = Backbone()
        n_outputs = 1 if task == "binary" else n_classes
        self.model = nn.Sequential(backbone, nn.Dropout(0.2), nn.Linear(backbone.out_features, n_outputs))
        self.optimizer = optim.Adam(self.model.parameters(), lr=lr)

    def prepare(self, target):
        return target.float().unsqueeze(1) if self.task == "binary" else target.long()

    def step(self, data, target):
        self.optimizer.zero_grad()
        output = self.model(data)
        loss = self.criterion(output, self.prepare(target))
        loss.backward()
        self.optimizer.step()
        return loss.item() * data.size(0)

    def run(self, loader, epochs, n_batches=4):
        for epoch in range(1, epochs + 1):
            self.model.train()
            train_loss = sum(self.step(*batch) for batch in loader.take(n_batches))
            print("Epoch: {} \tTraining Loss: {:.6f}".format(epoch, train_loss / (n_batches * loader.batch_size)))


if __name__ == "__main__":
    torch.manual_seed(0)
    Experiment("binary").run(XRays(batch_size=16), epochs=3)
