"""Train a small recogniser of spoken digits with CTC."""

import torch
from torch import nn


class Recogniser(nn.Module):
    def __init__(self, bins=24, symbols=14):
        super().__init__()
        self.conv = nn.Conv1d(bins, 32, 5, stride=3, padding=2)
        self.rnn = nn.GRU(32, 32, batch_first=True)
        self.out = nn.Linear(32, symbols)

    def forward(self, frames):
        h, _ = self.rnn(self.conv(frames.transpose(1, 2)).relu().transpose(1, 2))
        return self.out(h).log_softmax(-1).transpose(0, 1)


def batch(rows):
    frames = nn.utils.rnn.pad_sequence([torch.randn(n, 24) for n, _ in rows], batch_first=True)
    spoken = torch.cat([torch.randint(1, 14, (k,)) for _, k in rows])
    lengths = torch.tensor([n for n, _ in rows])
    return frames, lengths, spoken, torch.tensor([k for _, k in rows])


def main():
    torch.manual_seed(3)
    net, ctc = Recogniser(), nn.CTCLoss(zero_infinity=True)
    frames, lengths, spoken, counts = batch([(51, 6), (42, 5), (30, 4)])
    loss = ctc(net(frames), spoken, lengths, counts)
    print(f"loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
