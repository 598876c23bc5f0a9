"""Frame scores for video summaries with one self-attention layer over the clip."""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

FEATURES = 24


class ClipAttention(nn.Module):
    def __init__(self, size, scale=0.3):
        super().__init__()
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.out = nn.Linear(size, size)
        self.scale = scale

    def forward(self, x, lengths):
        q, k, v = self.query(x) * self.scale, self.key(x), self.value(x)
        logits = torch.einsum("btd,bsd->bts", q, k)
        padded = torch.arange(x.size(1)) >= lengths.unsqueeze(1)
        logits = logits.masked_fill(padded.unsqueeze(1), float("-inf"))
        weights = logits.softmax(dim=-1)
        y = torch.matmul(weights, v)
        return self.out(y)


class Summarizer(nn.Module):
    def __init__(self, size=FEATURES):
        super().__init__()
        self.attention = ClipAttention(size)
        self.norm = nn.LayerNorm(size)
        self.regressor = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.LayerNorm(size), nn.Linear(size, 1))

    def forward(self, x, lengths):
        y = self.norm(x + self.attention(x, lengths))
        return self.regressor(y).squeeze(-1).sigmoid()


class Clips:
    def __init__(self, seed, **lengths):
        gen = torch.Generator().manual_seed(seed)
        self.frames = {name: torch.randn(n, FEATURES, generator=gen) for name, n in lengths.items()}

    def batch(self, *names):
        chosen = [self.frames[name] for name in names]
        return pad_sequence(chosen, batch_first=True), torch.tensor([len(c) for c in chosen])


def main():
    torch.manual_seed(6)
    model = Summarizer().eval()
    clips = Clips(1, kitchen=4, harbour=10)
    with torch.no_grad():
        for names in (["kitchen"], ["kitchen", "harbour"]):
            scores = model(*clips.batch(*names))[0, :4]
            print("+".join(names), [round(s, 4) for s in scores.tolist()])


if __name__ == "__main__":
    main()
