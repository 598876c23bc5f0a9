import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, default_collate

FS = 800
SECONDS = 2


class SpeakerClips(Dataset):
    def __init__(self, durations, speakers=3):
        gen = torch.Generator().manual_seed(11)
        self.waves = [torch.randn(int(d * FS), generator=gen) for d in durations]
        self.speakers = [i % speakers for i in range(len(durations))]

    def __len__(self):
        return len(self.waves)

    def read_wave(self, index):
        wave = self.waves[index]
        return wave / wave.abs().max()

    def slice(self, wave, length):
        start = max(0, (wave.numel() - length) // 2)
        return wave[start:start + length]

    def __getitem__(self, index):
        wave = self.slice(self.read_wave(index), SECONDS * FS)
        return {"audio": wave, "speaker": self.speakers[index]}


def collate(samples):
    batch = default_collate(samples)
    batch["audio"] = batch["audio"].unsqueeze(1)
    return batch


class SpeechEncoder(nn.Module):
    def __init__(self, speakers):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 8, 15, stride=4), nn.PReLU(),
            nn.Conv1d(8, 16, 15, stride=4), nn.PReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, speakers),
        )

    def forward(self, audio):
        return self.net(audio)


def train(loader, model):
    optim = torch.optim.RMSprop(model.parameters(), 1e-4)
    for i, batch in enumerate(loader):
        loss = nn.functional.cross_entropy(model(batch["audio"]), batch["speaker"])
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"iteration {i} loss {loss.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    clips = SpeakerClips([2.5, 3.0, 2.0, 4.1, 2.2, 1.28, 3.3, 2.0])
    loader = DataLoader(clips, batch_size=4, collate_fn=collate, num_workers=2)
    train(loader, SpeechEncoder(speakers=3))
