import torch
from torch import nn

CONFIG = {
    "input_features": [
        {"name": "subject", "type": "text", "encoder": "cnn", "width": 12},
        {"name": "sender", "type": "text", "encoder": "rnn", "width": 16, "bidirectional": True},
        {"name": "n_recipients", "type": "number"},
    ],
    "output_features": [{"name": "spam", "type": "binary"}],
}


class CNNEncoder(nn.Module):
    def __init__(self, width, vocab=40):
        super().__init__()
        self.embed, self.conv = nn.Embedding(vocab, 8), nn.Conv1d(8, width, 3)
        self.output_size = width

    def forward(self, ids):
        return self.conv(self.embed(ids).transpose(1, 2)).relu().amax(2)


class RNNEncoder(nn.Module):
    def __init__(self, width, bidirectional=False, vocab=40):
        super().__init__()
        self.embed = nn.Embedding(vocab, 8)
        self.rnn = nn.GRU(8, width, batch_first=True, bidirectional=bidirectional)
        self.output_size = 2 * width if bidirectional else width

    def forward(self, ids):
        return self.rnn(self.embed(ids))[0].mean(dim=1)


class NumberEncoder(nn.Module):
    output_size = 1

    def forward(self, values):
        return values.float().unsqueeze(1)


def make_encoder(spec):
    if spec["type"] == "number":
        return NumberEncoder()
    kind = {"cnn": CNNEncoder, "rnn": RNNEncoder}[spec["encoder"]]
    return kind(**{k: v for k, v in spec.items() if k in ("width", "bidirectional")})


class ECD(nn.Module):
    """Encoders, a concat combiner and one decoder for every output."""

    def __init__(self, config):
        super().__init__()
        self.encoders = nn.ModuleDict({f["name"]: make_encoder(f) for f in config["input_features"]})
        size = sum(e.output_size for e in self.encoders.values())
        self.decoders = nn.ModuleDict({f["name"]: nn.Linear(size, 1) for f in config["output_features"]})

    def forward(self, batch):
        combined = torch.cat([e(batch[name]) for name, e in self.encoders.items()], dim=1)
        return {name: decoder(combined).squeeze(1) for name, decoder in self.decoders.items()}


def emails(n):
    for _ in range(n):
        batch = {"subject": torch.randint(0, 40, (8, 9)), "sender": torch.randint(0, 40, (8, 14)),
                 "n_recipients": torch.randint(1, 30, (8,))}
        yield batch, {"spam": (batch["n_recipients"] > 15).float()}


if __name__ == "__main__":
    torch.manual_seed(7)
    model = ECD(CONFIG)
    opt = torch.optim.Adam(model.parameters(), lr=0.01)
    for step, (batch, target) in enumerate(emails(3)):
        out = model(batch)
        loss = sum(nn.functional.binary_cross_entropy_with_logits(out[k], target[k]) for k in target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("step", step, "loss %.4f" % loss.item())
