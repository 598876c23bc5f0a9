import math

import torch
from torch import nn

PAD_FRAME = 0.0


class SelfAttention(nn.Module):
    def __init__(self, hid_dim, n_heads):
        super().__init__()
        self.n_heads, self.head_dim = n_heads, hid_dim // n_heads
        self.fc_q, self.fc_k, self.fc_v = (nn.Linear(hid_dim, hid_dim) for _ in range(3))
        self.fc_o = nn.Linear(hid_dim, hid_dim)

    def split(self, t):
        return t.view(t.shape[0], -1, self.n_heads, self.head_dim).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.fc_q(x)), self.split(self.fc_k(x)), self.split(self.fc_v(x))
        energy = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.head_dim)
        energy = energy.masked_fill(mask == 0, -1e10)
        out = torch.matmul(energy.softmax(dim=-1), v).permute(0, 2, 1, 3).contiguous()
        return self.fc_o(out.view(out.shape[0], -1, self.n_heads * self.head_dim))


class FrameEmbedding(nn.Module):
    def __init__(self, feature_dim, hid_dim, max_length=64):
        super().__init__()
        self.hid_dim = hid_dim
        self.project = nn.Linear(feature_dim, hid_dim)
        self.pos = nn.Embedding(max_length, hid_dim)

    def forward(self, frames):
        x = self.project(frames).view(1, -1, self.hid_dim)
        return x * math.sqrt(self.hid_dim) + self.pos(torch.arange(x.shape[1]))


class Summarizer(nn.Module):
    def __init__(self, feature_dim=20, hid_dim=32, n_heads=4, n_layers=2):
        super().__init__()
        self.embed = FrameEmbedding(feature_dim, hid_dim)
        self.layers = nn.ModuleList(SelfAttention(hid_dim, n_heads) for _ in range(n_layers))
        self.score = nn.Linear(hid_dim, 1)

    def make_mask(self, frames):
        return (frames.abs().sum(-1) != PAD_FRAME).unsqueeze(1).unsqueeze(2)

    def forward(self, frames):
        mask = self.make_mask(frames)
        x = self.embed(frames)
        for layer in self.layers:
            x = x + layer(x, mask)
        return torch.sigmoid(self.score(x)).squeeze(-1)


def load_videos(lengths):
    gen = torch.Generator().manual_seed(4)
    videos = [torch.randn(n, 20, generator=gen) for n in lengths]
    return nn.utils.rnn.pad_sequence(videos, batch_first=True, padding_value=PAD_FRAME)


@torch.no_grad()
def summarise(model, videos, keep=3):
    scores = model(videos)
    return [sorted(row.topk(keep).indices.tolist()) for row in scores]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Summarizer().eval()
    print("preview", summarise(model, load_videos([14])))
    print("evening", summarise(model, load_videos([14, 11])))
