from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


@dataclass
class CapacitronConfig:
    num_mel: int = 16
    encoder_dim: int = 24
    latent: int = 8
    speaker_dim: int = 12
    num_speakers: int = 5
    use_d_vector_file: bool = False


class ReferenceEncoder(nn.Module):
    def __init__(self, num_mel, out_dim):
        super().__init__()
        self.convs = nn.Sequential(nn.Conv1d(num_mel, 32, 3, 2, 1), nn.ReLU(), nn.Conv1d(32, 32, 3, 2, 1), nn.ReLU())
        self.recurrence = nn.LSTM(32, out_dim, batch_first=True)

    def forward(self, mels):
        _, (hidden, _) = self.recurrence(self.convs(mels.transpose(1, 2)).transpose(1, 2))
        return hidden[-1]


class CapacitronVAE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.encoder = ReferenceEncoder(cfg.num_mel, cfg.encoder_dim)
        self.post = nn.Linear(cfg.encoder_dim + cfg.speaker_dim, 2 * cfg.latent)

    def forward(self, mels, speaker_embedding):
        enc_out = self.encoder(mels)
        enc_out = torch.cat([enc_out, speaker_embedding], dim=-1)
        mu, log_sigma = self.post(enc_out).chunk(2, dim=-1)
        return torch.distributions.Normal(mu, log_sigma.exp())


class Tacotron(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.speaker_embedding = nn.Embedding(cfg.num_speakers, cfg.speaker_dim)
        self.capacitron = CapacitronVAE(cfg)
        self.decoder = nn.GRU(cfg.latent, 32, batch_first=True)
        self.to_mel = nn.Linear(32, cfg.num_mel)

    def forward(self, batch):
        speaker = batch["d_vectors"] if self.cfg.use_d_vector_file else self.speaker_embedding(batch["speaker_ids"])
        posterior = self.capacitron(batch["mel"], speaker)
        z = posterior.rsample().unsqueeze(1).expand(-1, batch["mel"].size(1), -1)
        kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(-1).mean()
        return self.to_mel(self.decoder(z)[0]), kl


def utterances(cfg, n=6, seed=0):
    gen = torch.Generator().manual_seed(seed)
    for i in range(n):
        frames = int(torch.randint(20, 40, (1,), generator=gen))
        yield {
            "mel": torch.randn(frames, cfg.num_mel, generator=gen),
            "speaker": [i % cfg.num_speakers],
            "d_vector": torch.randn(cfg.speaker_dim, generator=gen),
        }


def collate(items):
    return {
        "mel": pad_sequence([it["mel"] for it in items], batch_first=True),
        "speaker_ids": torch.tensor([it["speaker"] for it in items]),
        "d_vectors": torch.stack([it["d_vector"] for it in items]),
    }


def train_step(cfg):
    torch.manual_seed(1)
    model, batch = Tacotron(cfg), collate(list(utterances(cfg)))
    mel, kl = model(batch)
    loss = nn.functional.l1_loss(mel, batch["mel"]) + 1e-2 * kl
    loss.backward()
    return loss.item()


if __name__ == "__main__":
    print("d-vectors  loss %.4f" % train_step(CapacitronConfig(use_d_vector_file=True)))
    print("speaker ids loss %.4f" % train_step(CapacitronConfig()))
