import torch
import torch.nn as nn


class Frontend(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv3d(1, width, (5, 7, 7), stride=(1, 2, 2), padding=(2, 3, 3), bias=False)
        self.bn = nn.BatchNorm3d(width)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1))

    def forward(self, clip):
        return self.pool(torch.relu(self.bn(self.conv(clip))))


class FrameEncoder(nn.Module):
    def __init__(self, width, features):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.fc = nn.Linear(2 * width, features)
        self.bnfc = nn.BatchNorm2d(features)

    def forward(self, frames):
        x = self.body(frames).flatten(1)
        x = self.fc(x)
        return self.bnfc(x)


class Lipreading(nn.Module):
    def __init__(self, width=6, features=16, words=8):
        super().__init__()
        self.frontend = Frontend(width)
        self.frames = FrameEncoder(width, features)
        self.gru = nn.GRU(features, features, 2, batch_first=True, bidirectional=True)
        self.words = nn.Linear(2 * features, words)

    def forward(self, clips):
        batch, _, length = clips.shape[:3]
        x = self.frontend(clips).transpose(1, 2).flatten(0, 1)
        x = self.frames(x).view(batch, length, -1)
        out, _ = self.gru(x)
        return self.words(out.mean(dim=1))


def main():
    torch.manual_seed(0)
    model = Lipreading()
    optim = torch.optim.Adam(model.parameters(), 3e-4)
    clips, words = torch.rand(4, 1, 6, 24, 24), torch.randint(0, 8, (4,))
    for epoch in range(2):
        loss = nn.functional.cross_entropy(model(clips), words)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
