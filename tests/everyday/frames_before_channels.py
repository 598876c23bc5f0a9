import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)


class VideoFolder:
    def __init__(self, n, length=16, every=2):
        self.n, self.length, self.every = n, length, every

    def decode(self, i):
        g = torch.Generator().manual_seed(i)
        for _ in range(self.length):
            yield torch.randint(0, 256, (3, 24, 24), generator=g, dtype=torch.uint8)

    def clip(self, i):
        frames = []
        for t, frame in enumerate(self.decode(i)):
            if t % self.every == 0:
                frames.append(frame.float() / 255 - 0.5)
        clip = torch.stack(frames)
        return clip, i % 4


def batches(folder, size):
    clips, labels = [], []
    for i in range(folder.n):
        c, y = folder.clip(i)
        clips.append(c)
        labels.append(y)
        if len(clips) == size:
            yield torch.stack(clips), torch.tensor(labels)
            clips, labels = [], []


class C3D(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2)))
        self.body = nn.Sequential(nn.Conv3d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1))
        self.fc = nn.Linear(16, classes)

    def forward(self, x):
        return self.fc(self.body(self.stem(x)).flatten(1))


model = C3D()
opt = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
for x, y in batches(VideoFolder(12), 4):
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
