from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

hparams = SimpleNamespace(
    num_mels=12,
    sample_rate=24000,
    hop_length=300,
    upsample_factors=(5, 5, 11),
    seq_frames=3,
    classes=32,
    rnn_dims=16,
    aux_dims=4,
)


class UpsampleNetwork(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.factors = hp.upsample_factors
        self.aux = nn.Conv1d(hp.num_mels, 2 * hp.aux_dims, 1)
        self.smooth = nn.ModuleList(
            nn.Conv1d(hp.num_mels, hp.num_mels, 2 * f + 1, padding=f, groups=hp.num_mels) for f in self.factors)

    def forward(self, mels):
        aux = self.aux(mels)
        for factor, conv in zip(self.factors, self.smooth):
            mels = conv(mels.repeat_interleave(factor, dim=2))
            aux = aux.repeat_interleave(factor, dim=2)
        return mels.transpose(1, 2), aux.transpose(1, 2)


class WaveRNN(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.upsample = UpsampleNetwork(hp)
        self.I = nn.Linear(1 + hp.num_mels + hp.aux_dims, hp.rnn_dims)
        self.rnn = nn.GRU(hp.rnn_dims, hp.rnn_dims, batch_first=True)
        self.fc = nn.Linear(hp.rnn_dims + hp.aux_dims, hp.classes)

    def forward(self, x, mels):
        mels, aux = self.upsample(mels)
        a1, a2 = aux.chunk(2, dim=2)
        x = torch.cat([x.unsqueeze(-1), mels, a1], dim=2)
        x, _ = self.rnn(self.I(x))
        return self.fc(torch.cat([x, a2], dim=2))


def utterance(hp, frames, gen):
    steps = torch.arange(frames * hp.hop_length + 1) / hp.sample_rate
    pitch = 110 + 110 * torch.rand(1, generator=gen)
    return torch.sin(2 * torch.pi * pitch * steps), torch.rand(hp.num_mels, frames, generator=gen)


def collate(batch, hp, gen):
    mels, coarse = [], []
    for wav, mel in batch:
        start = torch.randint(0, mel.size(1) - hp.seq_frames, (1,), generator=gen).item()
        mels.append(mel[:, start:start + hp.seq_frames])
        begin = start * hp.hop_length
        coarse.append(wav[begin:begin + hp.seq_frames * hp.hop_length + 1])
    wav = torch.stack(coarse)
    labels = ((wav + 1) / 2 * (hp.classes - 1)).round().long()
    return wav[:, :-1], torch.stack(mels), labels[:, 1:]


def wavernn_train(hp, steps=2):
    gen = torch.Generator().manual_seed(0)
    data = [utterance(hp, 10, gen) for _ in range(4)]
    model = WaveRNN(hp)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("utterances", len(data), "samples", sum(len(wav) for wav, _ in data))
    for step in range(steps):
        x, mels, y = collate(data, hp, gen)
        loss = F.cross_entropy(model(x, mels).transpose(1, 2), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.4f}")


torch.manual_seed(0)
wavernn_train(hparams)
