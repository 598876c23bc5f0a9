import io

import torch
import torch.nn as nn
import torch.nn.functional as F

h = {"num_mels": 20, "hop_size": 16, "upsample_rates": (4, 4), "upsample_initial_channel": 32}


class AcousticModel(nn.Module):
    def __init__(self, phonemes=40, dim=24):
        super().__init__()
        self.embed = nn.Embedding(phonemes, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.to_mel = nn.Linear(dim, h["num_mels"])

    def forward(self, text, durations):
        frames = self.embed(text).repeat_interleave(durations, dim=0)
        out, _ = self.rnn(frames.unsqueeze(0))
        return self.to_mel(out).squeeze(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        width = h["upsample_initial_channel"]
        self.conv_pre = nn.Conv1d(h["num_mels"], width, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(width >> i, width >> (i + 1), 2 * r, r, padding=r // 2)
            for i, r in enumerate(h["upsample_rates"])
        )
        self.conv_post = nn.Conv1d(width >> len(self.ups), 1, 7, padding=3)

    def forward(self, x):
        x = self.conv_pre(x)
        for up in self.ups:
            x = up(F.leaky_relu(x, 0.1))
        return torch.tanh(self.conv_post(F.leaky_relu(x)))


@torch.no_grad()
def write_mels(model, texts):
    folder = {}
    for name, (text, durations) in texts.items():
        mel = model(torch.tensor(text), torch.tensor(durations))
        folder[name] = io.BytesIO()
        torch.save(mel.t(), folder[name])
    return folder


@torch.no_grad()
def inference(generator, folder):
    for name, stored in folder.items():
        stored.seek(0)
        audio = generator(torch.load(stored).unsqueeze(0))
        print(name, "samples", audio.size(-1), "peak", round(audio.abs().max().item(), 3))


def main():
    torch.manual_seed(0)
    texts = {"hello": ([3, 8, 12, 12, 20], [2, 3, 3, 2, 4]), "bye": ([7, 30, 5], [3, 5, 4])}
    folder = write_mels(AcousticModel().eval(), texts)
    inference(Generator().eval(), folder)


if __name__ == "__main__":
    main()
