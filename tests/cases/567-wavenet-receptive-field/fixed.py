"""WaveNet classifier for the number of open ion channels in a current trace."""
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ResBlock(nn.Module):
    def __init__(self, channels, skip_channels, dilation):
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, 2, dilation=dilation)
        self.residual = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip_channels, 1)

    def forward(self, x, skip_size):
        out = self.dilated(x)
        out = torch.tanh(out) * torch.sigmoid(out)
        skip = self.skip(out)[..., -skip_size:]
        return self.residual(out) + x[..., -out.size(-1):], skip


class WaveNet(nn.Module):
    def __init__(self, channels, stacks, layers):
        super().__init__()
        self.dilations = [2 ** i for _ in range(stacks) for i in range(layers)]
        self.causal = nn.Conv1d(1, channels, 2)
        self.blocks = nn.ModuleList(ResBlock(channels, 1, d) for d in self.dilations)

    def receptive_field(self):
        return sum(self.dilations)

    def forward(self, x):
        x = self.causal(x)
        skip_size = x.size(-1) - self.receptive_field()
        total = 0
        for block in self.blocks:
            x, skip = block(x, skip_size)
            total = total + skip
        return total.relu()


class WaveNetClassifier(nn.Module):
    def __init__(self, seq_len, classes, channels=8, stacks=2, layers=4):
        super().__init__()
        self.wavenet = WaveNet(channels, stacks, layers)
        self.linear = nn.Linear(seq_len - 1 - self.wavenet.receptive_field(), classes)

    def forward(self, x):
        return self.linear(self.wavenet(x).squeeze(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seq-len", type=int, default=35)
    parser.add_argument("--classes", type=int, default=11)
    args = parser.parse_args([])
    torch.manual_seed(0)
    levels = torch.randint(0, args.classes, (32,))
    traces = levels.view(-1, 1, 1) + 0.3 * torch.randn(32, 1, args.seq_len)
    model = WaveNetClassifier(args.seq_len, args.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for signal, level in DataLoader(TensorDataset(traces, levels), batch_size=8):
        loss = nn.functional.cross_entropy(model(signal), level)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
