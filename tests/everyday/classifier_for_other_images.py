import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Linear(32 * 8 * 8, n_classes)

    def forward(self, x):
        x = self.features(x)
        x = x.view(x.size(0), -1)
        return self.classifier(x)


net = Net()
for images, _labels in torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(torch.rand(20, 3, 32, 32), torch.randint(0, 10, (20,))), batch_size=8
):
    print(net(images).shape)
