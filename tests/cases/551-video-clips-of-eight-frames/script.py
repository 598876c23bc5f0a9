"""Fine-tune a small VideoMAE classifier on short clips; half of the usual frames to save memory."""
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import VideoMAEConfig, VideoMAEForVideoClassification


@dataclass
class Settings:
    clip_frames: int = 8
    sampling_rate: int = 2
    size: int = 32
    batch_size: int = 4
    epochs: int = 2


class GestureClips(Dataset):
    labels = ["swipe", "tap", "circle"]

    def __init__(self, settings, count=8):
        gen = torch.Generator().manual_seed(7)
        self.settings = settings
        self.videos = [torch.rand(30, 3, settings.size, settings.size, generator=gen) for _ in range(count)]
        self.targets = torch.randint(0, len(self.labels), (count,), generator=gen).tolist()

    def __len__(self):
        return len(self.videos)

    def sample_frames(self, video):
        s = self.settings
        start = (video.size(0) - s.clip_frames * s.sampling_rate) // 2
        return video[start:start + s.clip_frames * s.sampling_rate:s.sampling_rate]

    def __getitem__(self, i):
        frames = self.sample_frames(self.videos[i])
        return {"pixel_values": (frames - 0.5) / 0.5, "labels": self.targets[i]}


def build_model(settings):
    config = VideoMAEConfig(
        image_size=settings.size, patch_size=16, tubelet_size=2, hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4, num_labels=len(GestureClips.labels),
    )
    return VideoMAEForVideoClassification(config)


def train(settings):
    torch.manual_seed(0)
    model = build_model(settings)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    loader = DataLoader(GestureClips(settings), batch_size=settings.batch_size)
    for epoch in range(settings.epochs):
        total = 0.0
        for batch in loader:
            output = model(**batch)
            output.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += output.loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.3f}")


if __name__ == "__main__":
    train(Settings())
