import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class PairDataset(Dataset):
    """Picture vectors and the token ids of their captions."""

    def __init__(self, n, vocab=60, words=6, pixels=48):
        gen = torch.Generator().manual_seed(11)
        self.captions = torch.randint(1, vocab, (n, words), generator=gen)
        look = torch.randn(vocab, pixels, generator=gen)
        self.pictures = look[self.captions].mean(dim=1) + 0.05 * torch.randn(n, pixels, generator=gen)

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, i):
        return self.pictures[i], self.captions[i]


class DualEncoder(nn.Module):
    def __init__(self, vocab=60, pixels=48, dim=32):
        super().__init__()
        self.visual = nn.Sequential(nn.Linear(pixels, 64), nn.GELU(), nn.Linear(64, dim))
        self.tokens = nn.EmbeddingBag(vocab, 64, mode="mean")
        self.text_projection = nn.Linear(64, dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, images, text):
        image_emb = F.normalize(self.visual(images), dim=1)
        text_emb = F.normalize(self.text_projection(self.tokens(text)), dim=1)
        return image_emb @ text_emb.t() * self.logit_scale.exp()


class CLIPWrapper:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def training_step(self, batch):
        image_logits = self.model(*batch)
        ground_truth = torch.arange(len(image_logits))
        loss = (F.cross_entropy(image_logits, ground_truth) + F.cross_entropy(image_logits.t(), ground_truth)) / 2
        acc_i = (torch.argmax(image_logits) == ground_truth).sum()
        acc_t = (torch.argmax(image_logits.t()) == ground_truth).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item(), "acc": (acc_i + acc_t).item() / 2 / len(image_logits)}

    def fit(self, loader, epochs):
        for epoch in range(epochs):
            logs = [self.training_step(batch) for batch in loader]
            mean = {k: sum(log[k] for log in logs) / len(logs) for k in logs[0]}
            print(f"epoch {epoch} loss {mean['loss']:.3f} acc {mean['acc']:.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(PairDataset(128), batch_size=16, shuffle=True)
    CLIPWrapper(DualEncoder(), lr=5e-3).fit(loader, epochs=6)
