"""Moment retrieval: how well does each video clip fit the query sentence?"""
import torch
from torch import nn


class T2VEncoderLayer(nn.Module):
    def __init__(self, d_model, nhead):
        super().__init__()
        self.nhead = nhead
        self.cross_attn = nn.MultiheadAttention(d_model, nhead, batch_first=True)
        self.linear = nn.Sequential(nn.Linear(d_model, 2 * d_model), nn.ReLU(), nn.Linear(2 * d_model, d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)

    def forward(self, video, text, word_mask):
        blocked = ~word_mask[:, None, :].expand(-1, video.size(1), -1)
        blocked = blocked.repeat_interleave(self.nhead, dim=0)
        attended, _ = self.cross_attn(video, text, text, attn_mask=blocked)
        video = self.norm1(video + attended)
        return self.norm2(video + self.linear(video))


class MomentScorer(nn.Module):
    def __init__(self, video_dim=20, text_dim=12, d_model=32, nhead=4, layers=2):
        super().__init__()
        self.video_proj, self.text_proj = nn.Linear(video_dim, d_model), nn.Linear(text_dim, d_model)
        self.t2v = nn.ModuleList(T2VEncoderLayer(d_model, nhead) for _ in range(layers))
        self.saliency = nn.Linear(d_model, 1)

    def forward(self, video, text, word_mask):
        v, t = self.video_proj(video), self.text_proj(text)
        for layer in self.t2v:
            v = layer(v, t, word_mask)
        return self.saliency(v).squeeze(-1)


def collate(samples):
    words = max(len(text) for _, text in samples)
    text = torch.zeros(len(samples), words, samples[0][1].size(-1))
    mask = torch.zeros(len(samples), words, dtype=torch.bool)
    for row, (_, query) in enumerate(samples):
        text[row, :len(query)] = query
        mask[row, :len(query)] = True
    return torch.stack([clips for clips, _ in samples]), text, mask


def make_samples(lengths, clips=6):
    gen = torch.Generator().manual_seed(5)
    return [(torch.randn(clips, 20, generator=gen), torch.randn(n, 12, generator=gen)) for n in lengths]


@torch.no_grad()
def evaluate(model, samples, batch_size):
    scores = []
    for start in range(0, len(samples), batch_size):
        scores.append(model(*collate(samples[start:start + batch_size])))
    return torch.cat(scores)


if __name__ == "__main__":
    torch.manual_seed(4)
    model = MomentScorer().eval()
    samples = make_samples([9, 3, 5, 7, 4, 8])
    for batch_size in (1, 3):
        scores = evaluate(model, samples, batch_size)
        print("eval batch size", batch_size)
        for i, row in enumerate(scores.tolist()):
            print("  video", i, " ".join(f"{s:7.4f}" for s in row))
