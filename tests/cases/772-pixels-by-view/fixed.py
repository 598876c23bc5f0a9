"""Head pose from a small feature map whose pixels are weighted by a learned attention map."""
import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 32


class ScoringFunction(nn.Module):
    def __init__(self, channels, capsules):
        super().__init__()
        self.reduce = nn.Conv2d(channels, capsules, 1)

    def forward(self, x):
        return self.reduce(x).flatten(2).softmax(-1)


class PoseNet(nn.Module):
    def __init__(self, channels=12, capsules=3):
        super().__init__()
        self.stream = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, channels, 3, stride=2, padding=1), nn.ReLU(),
        )
        place = torch.linspace(-1, 1, SIDE // 4)
        self.register_buffer("place", torch.stack(torch.meshgrid(place, place, indexing="ij")))
        self.score = ScoringFunction(channels, capsules)
        self.out = nn.Sequential(nn.Linear(capsules * (channels + 2), 24), nn.ReLU(), nn.Linear(24, 3))

    def forward(self, image):
        feature_map = self.stream(image)
        weights = self.score(feature_map)
        n = feature_map.size(0)
        feature_map = torch.cat([feature_map, self.place.expand(n, -1, -1, -1)], dim=1)
        pixels = feature_map.flatten(2).transpose(1, 2)
        capsules = torch.bmm(weights, pixels)
        return self.out(capsules.flatten(1))


def faces(n, seed):
    gen = torch.Generator().manual_seed(seed)
    pose = torch.rand(n, 3, generator=gen) * 2 - 1
    grid = torch.linspace(-1, 1, SIDE)
    yy, xx = grid.view(1, -1, 1), grid.view(1, 1, -1)
    yaw, pitch, roll = (p.view(-1, 1, 1) for p in pose.unbind(1))
    blob = torch.exp(-8 * ((xx - 0.6 * yaw) ** 2 + (yy - 0.6 * pitch) ** 2))
    stripe = torch.cos(6 * (xx + roll * yy))
    return (blob + 0.3 * stripe).unsqueeze(1), pose


def main():
    torch.manual_seed(0)
    model = PoseNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    images, poses = faces(256, seed=4)
    for epoch in range(24):
        total = 0.0
        for x, y in zip(images.split(32), poses.split(32)):
            loss = F.l1_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 6 == 5:
            print(f"epoch {epoch} mae {total / 8:.4f}")
    with torch.no_grad():
        held, truth = faces(64, seed=5)
        print("held-out mae per angle", [round(v, 3) for v in (model(held) - truth).abs().mean(0).tolist()])


if __name__ == "__main__":
    main()
