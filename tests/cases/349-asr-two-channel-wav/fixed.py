import io
import wave

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader


def record(seconds, seed, channels=2, rate=4000):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (200 + 40 * seed) * t)[:, None] + 0.1 * rng.standard_normal((len(t), channels))
    buf = io.BytesIO()
    with wave.open(buf, "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes((12000 * tone).astype("<i2").tobytes())
    return buf.getvalue()


SCP = {f"call{i:02d}": record(0.3 + 0.05 * i, i) for i in range(6)}
TEXT = {k: [1 + (i + j) % 7 for j in range(4)] for i, k in enumerate(SCP)}


def load_speech(raw):
    with wave.open(io.BytesIO(raw)) as w:
        channels = w.getnchannels()
        pcm = np.frombuffer(w.readframes(w.getnframes()), dtype="<i2")
    audio = pcm.astype(np.float32).reshape(-1, channels) / 32768
    return audio.mean(axis=1)


def common_collate(keys):
    speech = [torch.from_numpy(load_speech(SCP[k])) for k in keys]
    lengths = torch.tensor([len(s) for s in speech])
    padded = nn.utils.rnn.pad_sequence(speech, batch_first=True)
    return {"speech": padded, "speech_lengths": lengths, "text": torch.tensor([TEXT[k] for k in keys])}


class Upstream(nn.Module):
    strides = (5, 4, 2)

    def __init__(self, dim=16):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(1 if i == 0 else dim, dim, 2 * s, stride=s) for i, s in enumerate(self.strides))

    def forward(self, wavs, lengths):
        x = wavs.unsqueeze(1)
        for conv, s in zip(self.convs, self.strides):
            x = torch.nn.functional.gelu(conv(x))
            lengths = (lengths - 2 * s) // s + 1
        return x.transpose(1, 2), lengths


class ASRModel(nn.Module):
    def __init__(self, vocab=8):
        super().__init__()
        self.frontend = Upstream()
        self.encoder = nn.GRU(16, 16, batch_first=True, bidirectional=True)
        self.ctc_lo = nn.Linear(32, vocab)

    def forward(self, speech, speech_lengths, text):
        feats, olens = self.frontend(speech, speech_lengths)
        hs, _ = self.encoder(feats)
        logp = self.ctc_lo(hs).log_softmax(-1).transpose(0, 1)
        return nn.functional.ctc_loss(logp, text, olens, torch.full((len(text),), text.size(1)))


def main():
    torch.manual_seed(0)
    model = ASRModel()
    optim = torch.optim.Adam(model.parameters(), lr=2e-3)
    for it, batch in enumerate(DataLoader(list(SCP), batch_size=3, collate_fn=common_collate)):
        loss = model(**batch)
        optim.zero_grad()
        loss.backward()
        optim.step()
        print(f"{it + 1}/2 loss_ctc={loss.item():.3f} frames={batch['speech'].shape[1]}")


main()
