"""Predict the next positions of moving digits with a recurrent encoder and decoder."""
import argparse

import torch
from torch import nn


class PoseRNN(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.steps_out = args.n_frames_output
        self.embed = nn.Linear(2, args.hidden)
        self.encode_fwd = nn.LSTM(args.hidden, args.hidden, num_layers=args.layers)
        self.encode_bwd = nn.LSTM(args.hidden, args.hidden, num_layers=1)
        self.predict_rnn = nn.LSTM(2, args.hidden, num_layers=args.layers + 1)
        self.to_pose = nn.Linear(args.hidden, 2)

    def join_states(self, fwd, bwd, dim):
        return tuple(torch.cat([a, b], dim=dim) for a, b in zip(fwd, bwd))

    def encode(self, poses):
        x = torch.tanh(self.embed(poses))
        _, fwd = self.encode_fwd(x)
        _, bwd = self.encode_bwd(x.flip(0))
        return self.join_states(fwd, bwd, dim=2)

    def predict(self, last, state):
        frames = []
        for _ in range(self.steps_out):
            out, state = self.predict_rnn(last, state)
            last = last + self.to_pose(out)
            frames.append(last)
        return torch.cat(frames)

    def forward(self, poses):
        return self.predict(poses[-1:], self.encode(poses))


def bouncing(batch, steps):
    pos, vel = torch.rand(batch, 2), 0.1 * torch.randn(batch, 2)
    track = []
    for _ in range(steps):
        pos = pos + vel
        vel = torch.where((pos < 0) | (pos > 1), -vel, vel)
        track.append(pos)
    return torch.stack(track)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--n-frames-input", type=int, default=8)
    parser.add_argument("--n-frames-output", type=int, default=4)
    args = parser.parse_args([])
    torch.manual_seed(0)
    net = PoseRNN(args)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(4):
        track = bouncing(16, args.n_frames_input + args.n_frames_output)
        predicted = net(track[:args.n_frames_input])
        loss = (predicted - track[args.n_frames_input:]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"iter {step} mse {loss.item():.4f}")


if __name__ == "__main__":
    main()
