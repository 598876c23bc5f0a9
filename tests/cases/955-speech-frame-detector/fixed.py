import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

FRAMES, BINS = 40, 33


class MixtureDataset(Dataset):
    """Noisy spectrograms (real, imaginary) with a flag per frame: is the speaker talking?"""

    def __init__(self, size, seed):
        gen = torch.Generator().manual_seed(seed)
        self.specs, self.flags = [], []
        for _ in range(size):
            talking = (torch.rand(FRAMES // 4, generator=gen) < 0.5).float().repeat_interleave(4)
            voice = torch.zeros(FRAMES, BINS)
            pitch = int(torch.randint(3, 9, (1,), generator=gen))
            voice[:, pitch::pitch] = 1.5
            phase = torch.rand(FRAMES, BINS, generator=gen) * 2 * math.pi
            spec = torch.stack([phase.cos(), phase.sin()]) * voice * talking[:, None]
            self.specs.append(spec + 0.3 * torch.randn(2, FRAMES, BINS, generator=gen))
            self.flags.append(talking)

    def __len__(self):
        return len(self.specs)

    def __getitem__(self, i):
        return self.specs[i], self.flags[i]


class AudioModel(nn.Module):
    def __init__(self, width=12, out=4):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(2, width, (1, 7), padding=(0, 3)), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, (3, 1), padding=(1, 0)), nn.BatchNorm2d(width)
        self.conv3, self.norm3 = nn.Conv2d(width, out, 1), nn.BatchNorm2d(out)

    def forward(self, audio):
        out = F.relu(self.norm1(self.conv1(audio)))
        out = F.relu(self.norm2(self.conv2(out)))
        out = F.relu(self.norm3(self.conv3(out)))
        batch_size, height = out.size(0), out.size(2)
        return out.transpose(2, 3).reshape(batch_size, -1, height, 1)


class FrameDetector(nn.Module):
    def __init__(self):
        super().__init__()
        self.audio = AudioModel()
        self.fc1 = nn.Linear(4 * BINS, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, audio):
        frames = self.audio(audio).squeeze(3).transpose(1, 2)
        return self.fc2(F.relu(self.fc1(frames))).squeeze(-1)


torch.manual_seed(0)
train_set, valid_set = MixtureDataset(256, seed=1), MixtureDataset(64, seed=2)
model = FrameDetector()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(7):
    model.train()
    for spec, flag in DataLoader(train_set, batch_size=32, shuffle=True):
        loss = F.binary_cross_entropy_with_logits(model(spec), flag)
        optimizer.zero_grad(), loss.backward(), optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = torch.cat([(model(s) > 0) == (f > 0.5) for s, f in DataLoader(valid_set, batch_size=32)])
    print(f"epoch {epoch}: loss {loss.item():.3f}, frame accuracy {hits.float().mean().item():.3f}")
