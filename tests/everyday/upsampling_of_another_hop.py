"""A vocoder's upsampling rates multiply to 128, and its recordings were cut for frames of 160 samples."""

import torch
from torch import nn

h = {"hop_size": 160, "upsample_rates": [8, 4, 4], "channels": 32, "mels": 20, "frames": 12}


class Generator(nn.Module):
    def __init__(self, h):
        super().__init__()
        width = h["channels"]
        self.pre = nn.Conv1d(h["mels"], width, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(width // 2**i, width // 2 ** (i + 1), 2 * rate, rate, padding=rate // 2)
            for i, rate in enumerate(h["upsample_rates"])
        )
        self.post = nn.Conv1d(width // 2 ** len(h["upsample_rates"]), 1, 7, padding=3)

    def forward(self, mel):
        x = self.pre(mel)
        for up in self.ups:
            x = up(torch.relu(x))
        return torch.tanh(self.post(x))


generator = Generator(h)
mel = torch.randn(3, h["mels"], h["frames"])
recording = torch.randn(3, 1, h["frames"] * h["hop_size"])
print(nn.functional.l1_loss(generator(mel), recording))
