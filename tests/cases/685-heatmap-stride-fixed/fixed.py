import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

NUM_KEYPOINTS = 5
CROP = 96
STRIDE = 16
SIGMA = 7


class KeypointCrops(Dataset):
    def __init__(self, count):
        gen = torch.Generator().manual_seed(2)
        self.images = torch.rand(count, 3, CROP, CROP, generator=gen)
        self.points = torch.rand(count, NUM_KEYPOINTS, 2, generator=gen) * CROP

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        maps = self.keypoint_maps(self.points[i])
        return {"image": self.images[i], "keypoint_maps": maps, "keypoint_mask": torch.ones_like(maps)}

    def keypoint_maps(self, points):
        side = CROP // STRIDE
        grid = torch.arange(side) * STRIDE + STRIDE / 2 - 0.5
        dx = (grid[None, :] - points[:, 0, None]) ** 2
        dy = (grid[None, :] - points[:, 1, None]) ** 2
        maps = torch.exp(-(dy[:, :, None] + dx[:, None, :]) / (2 * SIGMA * SIGMA))
        background = 1 - maps.amax(dim=0, keepdim=True)
        return torch.cat([maps, background])


def conv(cin, cout, stride=1, dilation=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, dilation, dilation=dilation, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class PoseNet(nn.Module):
    def __init__(self, channels=24):
        super().__init__()
        self.backbone = nn.Sequential(
            conv(3, 16, stride=2),
            conv(16, 16, stride=2),
            conv(16, channels, stride=2),
            conv(channels, channels, stride=2),
            conv(channels, channels, dilation=2),
        )
        self.initial = nn.Conv2d(channels, NUM_KEYPOINTS + 1, 1)
        self.refine = nn.Conv2d(channels + NUM_KEYPOINTS + 1, NUM_KEYPOINTS + 1, 7, padding=3)

    def forward(self, image):
        features = self.backbone(image)
        initial = self.initial(features)
        return initial, self.refine(torch.cat([features, initial], dim=1))


def l2_loss(output, target, mask, batch_size):
    loss = (output - target) * mask
    return (loss * loss / 2 / batch_size).sum()


def train(epochs=2, batch_size=4):
    net = PoseNet().train()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-4)
    for epoch in range(epochs):
        totals = [0.0, 0.0]
        for batch in DataLoader(KeypointCrops(8), batch_size=batch_size):
            outputs = net(batch["image"])
            losses = [l2_loss(o, batch["keypoint_maps"], batch["keypoint_mask"], batch_size) for o in outputs]
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
            totals = [t + l.item() for t, l in zip(totals, losses)]
        print(f"epoch {epoch} initial {totals[0]:.3f} refined {totals[1]:.3f}")


torch.manual_seed(0)
train()
