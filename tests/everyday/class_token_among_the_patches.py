import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
IMG, BOS = 99, 1


def image_tokens(side, patch):
    return (side // patch) ** 2


class Processor:
    def __init__(self, side=32, patch=8):
        self.n = image_tokens(side, patch)

    def __call__(self, prompt, with_image):
        words = [2 + sum(map(ord, w)) % 90 for w in prompt.split()]
        return torch.tensor([[BOS] + [IMG] * (self.n if with_image else 0) + words])


class Vision(nn.Module):
    def __init__(self, patch=8, dim=20):
        super().__init__()
        self.patchify = nn.Conv2d(3, dim, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.layer = nn.TransformerEncoderLayer(dim, 4, 40, batch_first=True)

    def forward(self, pixels):
        x = self.layer(self.patchify(pixels).flatten(2).transpose(1, 2))
        cls = self.cls.expand(len(x), -1, -1)
        return torch.cat([cls, x], dim=1)


class VLM(nn.Module):
    def __init__(self, vocab=100, dim=32):
        super().__init__()
        self.vision, self.project = Vision(), nn.Linear(20, dim)
        self.emb, self.rnn, self.head = (
            nn.Embedding(vocab, dim),
            nn.GRU(dim, dim, batch_first=True),
            nn.Linear(dim, vocab),
        )

    def forward(self, ids, pixels=None):
        x = self.emb(ids)
        if pixels is not None:
            features = self.project(self.vision(pixels))
            x[ids == IMG] = features.flatten(0, 1)
        return self.head(self.rnn(x)[0])


processor, model = Processor(), VLM().eval()
with torch.no_grad():
    for prompt, pixels in (("hello there", None), ("what is shown here", torch.rand(1, 3, 32, 32))):
        ids = processor(prompt, pixels is not None)
        print(prompt, ids.shape, model(ids, pixels)[:, -1].argmax(-1).tolist())
