"""Class-conditional image generation over discrete codes that were extracted beforehand."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


def precompute_freqs_cis(grid, dim, base=10000, cls_token_num=1):
    half = dim // 2
    freqs = 1.0 / (base ** (torch.arange(0, half, 2).float() / half))
    angle = torch.outer(torch.arange(grid).float(), freqs)
    both = torch.cat([angle[:, None].expand(-1, grid, -1), angle[None].expand(grid, -1, -1)], dim=-1)
    cache = torch.stack([both.cos(), both.sin()], dim=-1).flatten(0, 1)
    return torch.cat([torch.zeros(cls_token_num, *cache.shape[1:]), cache])


def apply_rotary_emb(x, freqs_cis):
    pairs = x.float().reshape(*x.shape[:-1], -1, 2)
    freqs_cis = freqs_cis.view(1, pairs.size(1), 1, pairs.size(3), 2)
    real = pairs[..., 0] * freqs_cis[..., 0] - pairs[..., 1] * freqs_cis[..., 1]
    imag = pairs[..., 1] * freqs_cis[..., 0] + pairs[..., 0] * freqs_cis[..., 1]
    return torch.stack([real, imag], dim=-1).flatten(3)


class CodeDataset(Dataset):
    """Codes of one image: (1, crops and flips, height * width)."""

    def __init__(self, count, crops, grid=4, flip=True, seed=0):
        gen = torch.Generator().manual_seed(seed)
        self.views = crops * 2 if flip else crops
        self.codes = [torch.randint(0, 40, (1, self.views, grid * grid), generator=gen) for _ in range(count)]
        self.labels = torch.randint(0, 5, (count,), generator=gen)
        self.aug_feature = crops > 1

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, i):
        features = self.codes[i]
        if self.aug_feature:
            view = torch.randint(0, self.views, (1,)).item()
            features = features[:, view]
        return features.flatten(), self.labels[i]


class ImageGPT(nn.Module):
    def __init__(self, grid=4, width=32, heads=4, codes=40, classes=5):
        super().__init__()
        self.heads = heads
        self.tok_embeddings, self.cls_embedding = nn.Embedding(codes, width), nn.Embedding(classes, width)
        self.wqkv, self.wo = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.output = nn.Linear(width, codes)
        self.freqs_cis = precompute_freqs_cis(grid, width // heads)

    def forward(self, codes, labels):
        x = torch.cat([self.cls_embedding(labels).unsqueeze(1), self.tok_embeddings(codes[:, :-1])], dim=1)
        q, k, v = self.wqkv(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        freqs_cis = self.freqs_cis[:x.size(1)]
        q, k = apply_rotary_emb(q, freqs_cis), apply_rotary_emb(k, freqs_cis)
        y = F.scaled_dot_product_attention(*(t.transpose(1, 2) for t in (q, k, v)), is_causal=True)
        logits = self.output(x + self.wo(y.transpose(1, 2).flatten(2)))
        return F.cross_entropy(logits.flatten(0, 1), codes.flatten())


def fit(name, dataset):
    torch.manual_seed(0)
    model = ImageGPT()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for codes, labels in DataLoader(dataset, batch_size=4):
        loss = model(codes, labels)
        opt.zero_grad(); loss.backward(); opt.step()
    print(f"{name}: {len(dataset)} images, last loss {loss.item():.3f}")


if __name__ == "__main__":
    fit("ten crops", CodeDataset(8, crops=10))
    fit("single crop", CodeDataset(8, crops=1))
