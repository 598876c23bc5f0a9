"""Speaker diarization: which of two speakers is active in each frame."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence


class TransformerDiarization(nn.Module):
    def __init__(self, n_speakers, in_size, n_units=32, n_heads=4, n_layers=2, lookahead=2):
        super().__init__()
        self.lookahead = lookahead
        self.encoder = nn.Sequential(nn.Linear(in_size, n_units), nn.LayerNorm(n_units))
        layer = nn.TransformerEncoderLayer(n_units, n_heads, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, n_layers)
        self.decoder = nn.Linear(n_units, n_speakers)

    def make_mask(self, length):
        return torch.ones(length, length, dtype=torch.bool).triu(self.lookahead + 1)

    def forward(self, src, has_mask=False):
        lengths = [s.size(0) for s in src]
        src_mask = None
        if has_mask:
            src_mask = self.make_mask(src[0].size(0))
        src = pad_sequence(src, batch_first=True)
        padding = torch.arange(src.size(1)) >= torch.tensor(lengths).unsqueeze(1)
        hidden = self.transformer(self.encoder(src), mask=src_mask, src_key_padding_mask=padding)
        return [out[:n] for out, n in zip(self.decoder(hidden), lengths)]


def pit_loss(output, label):
    losses = [nn.functional.binary_cross_entropy_with_logits(output, label[:, order]) for order in ([0, 1], [1, 0])]
    return torch.stack(losses).min()


def recordings(lengths, in_size):
    gen = torch.Generator().manual_seed(2)
    for frames in lengths:
        label = (torch.rand(frames, 2, generator=gen) > 0.5).float()
        feature = torch.randn(frames, in_size, generator=gen) + label.sum(1, keepdim=True)
        yield feature, label


def epoch(model, data, optimizer, batch_size, has_mask):
    total = 0.0
    for start in range(0, len(data), batch_size):
        features, labels = zip(*data[start:start + batch_size])
        outputs = model(list(features), has_mask=has_mask)
        loss = torch.stack([pit_loss(o, t) for o, t in zip(outputs, labels)]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total


def main():
    data = list(recordings([9, 9, 7, 11], in_size=12))
    for has_mask in (False, True):
        torch.manual_seed(0)
        model = TransformerDiarization(n_speakers=2, in_size=12)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        print("masked" if has_mask else "full", "%.3f" % epoch(model, data, optimizer, 2, has_mask))


if __name__ == "__main__":
    main()
