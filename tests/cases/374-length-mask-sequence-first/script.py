"""Gesture recognition on skeleton tracks with a plain Transformer encoder."""
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

JOINTS, CLASSES = 21, 6


def lengths_to_padding(lengths, max_len):
    steps = torch.arange(max_len).unsqueeze(1)
    return steps >= lengths.unsqueeze(0)


class GestureNet(nn.Module):
    def __init__(self, d_model=32, nhead=4, layers=2):
        super().__init__()
        self.lift = nn.Linear(JOINTS * 2, d_model)
        self.position = nn.Parameter(torch.randn(64, 1, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(d_model, CLASSES)

    def forward(self, tracks, lengths):
        steps = tracks.size(0)
        x = self.lift(tracks) + self.position[:steps]
        padding = lengths_to_padding(lengths, steps)
        x = self.encoder(x, src_key_padding_mask=padding)
        return self.head(x.sum(0) / lengths.unsqueeze(1))


def batches(n, batch_size, seed=0):
    gen = torch.Generator().manual_seed(seed)
    for _ in range(n):
        lengths = torch.randint(8, 21, (batch_size,), generator=gen)
        tracks = [torch.randn(int(n), JOINTS * 2, generator=gen) for n in lengths]
        yield pad_sequence(tracks), lengths, torch.randint(0, CLASSES, (batch_size,), generator=gen)


def train():
    torch.manual_seed(0)
    net = GestureNet()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
    for step, (tracks, lengths, target) in enumerate(batches(3, batch_size=5)):
        loss = nn.functional.cross_entropy(net(tracks, lengths), target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("step", step, "loss %.4f" % loss.item())


if __name__ == "__main__":
    train()
