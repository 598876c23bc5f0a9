"""Voice embedding from raw clips; training data are clips cut from interviews."""
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler


@dataclass
class Options:
    sample_rate: int = 400
    seconds: int = 4
    batch_size: int = 6
    workers: int = 1
    speakers: int = 3


class Interviews(Dataset):
    """Waveforms with one speaker each."""

    def __init__(self, opt, durations):
        self.max_samples = opt.sample_rate * opt.seconds
        generator = torch.Generator().manual_seed(3)
        self.items = []
        for i, seconds in enumerate(durations):
            wave = torch.randn(int(seconds * opt.sample_rate), generator=generator)
            self.items.append((wave, i % opt.speakers))

    def __len__(self):
        return len(self.items)

    def normalise(self, wave):
        wave = wave - wave.mean()
        return wave / wave.abs().max().clamp(min=1e-6)

    def __getitem__(self, index):
        wave, speaker = self.items[index]
        wave = self.normalise(wave[:self.max_samples])
        wave = nn.functional.pad(wave, (0, self.max_samples - wave.numel()))
        return {"wave": wave, "speaker": speaker}


class SpeechEncoder(nn.Module):
    def __init__(self, speakers):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(1, 8, 25, stride=8), nn.PReLU(), nn.Conv1d(8, 16, 25, stride=8), nn.PReLU())
        self.fc = nn.Linear(16, speakers)

    def forward(self, wave):
        return self.fc(self.net(wave.unsqueeze(1)).mean(-1))


def make_loader(opt, durations):
    data = Interviews(opt, durations)
    speakers = torch.tensor([s for _, s in data.items])
    weights = 1.0 / speakers.bincount()[speakers]
    sampler = WeightedRandomSampler(weights, len(data), generator=torch.Generator().manual_seed(0))
    return DataLoader(data, opt.batch_size, sampler=sampler, num_workers=opt.workers)


def main(opt=Options()):
    torch.manual_seed(0)
    loader = make_loader(opt, [4.5, 6.0, 5.2, 4.0, 3.2, 7.1, 4.4, 5.0, 4.9, 6.3, 3.2, 4.1])
    encoder = SpeechEncoder(opt.speakers)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        loss = nn.functional.cross_entropy(encoder(batch["wave"]), batch["speaker"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
