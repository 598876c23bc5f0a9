"""Cut recordings into equal frames and rate how much speech they hold."""
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Clip:
    name: str
    audio: torch.Tensor
    rate: int = 8000

    @property
    def seconds(self):
        return self.audio.numel() / self.rate


class SpeechDetector(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, channels, 64, stride=32), nn.ReLU(), nn.Conv1d(channels, channels, 5), nn.ReLU()
        )
        self.score = nn.Linear(channels, 1)

    def forward(self, frames):
        x = self.features(frames.unsqueeze(1)).mean(-1)
        return self.score(x).squeeze(-1).sigmoid()


def frame(clip, frame_seconds):
    count = max(1, round(clip.seconds / frame_seconds))
    edges = torch.linspace(0, clip.audio.numel(), count + 1).long().tolist()
    return [clip.audio[None, begin:end] for begin, end in zip(edges, edges[1:])]


def batched(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]


@torch.no_grad()
def speech_level(detector, clip, frame_seconds=0.25, batch_size=4):
    level, total = 0.0, 0
    for frames_flat in batched(frame(clip, frame_seconds), batch_size):
        probs = detector(torch.cat(frames_flat, dim=0))
        level += probs.sum().item()
        total += len(probs)
    return level / total


def recordings():
    gen = torch.Generator().manual_seed(9)
    for name, samples in [("intro", 16000), ("interview", 24000), ("street", 18005)]:
        yield Clip(name, torch.randn(samples, generator=gen))


if __name__ == "__main__":
    torch.manual_seed(2)
    detector = SpeechDetector().eval()
    for clip in recordings():
        print(f"{clip.name:10} {clip.seconds:.2f} s  mean speech probability {speech_level(detector, clip):.4f}")
