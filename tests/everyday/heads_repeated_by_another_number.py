import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
BASE = {"dim": 64, "heads": 4, "kv_heads": 2, "layers": 2, "vocab": 50}
WIDE = {**BASE, "heads": 8}


def expand_kv(x, cfg):
    repeats = cfg["kv_heads"]
    b, h, t, d = x.shape
    return x[:, :, None].expand(b, h, repeats, t, d).reshape(b, h * repeats, t, d)


class GQA(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.hd = cfg["dim"] // cfg["heads"]
        self.q = nn.Linear(cfg["dim"], cfg["heads"] * self.hd)
        self.kv = nn.Linear(cfg["dim"], 2 * cfg["kv_heads"] * self.hd)
        self.o = nn.Linear(cfg["dim"], cfg["dim"])

    def forward(self, x):
        b, t, _ = x.shape
        q = self.q(x).view(b, t, -1, self.hd).transpose(1, 2)
        k, v = self.kv(x).view(b, t, 2, -1, self.hd).permute(2, 0, 3, 1, 4)
        k, v = expand_kv(k, self.cfg), expand_kv(v, self.cfg)
        att = (q @ k.mT) / self.hd**0.5
        att = att + torch.full((t, t), float("-inf")).triu(1)
        return self.o((att.softmax(-1) @ v).transpose(1, 2).reshape(b, t, -1))


class LM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.emb = nn.Embedding(cfg["vocab"], cfg["dim"])
        self.blocks = nn.ModuleList(GQA(cfg) for _ in range(cfg["layers"]))
        self.head = nn.Linear(cfg["dim"], cfg["vocab"])

    def forward(self, ids):
        x = self.emb(ids)
        for b in self.blocks:
            x = x + b(x)
        return self.head(x)


for name, cfg in {"base": BASE, "wide": WIDE}.items():
    ids = torch.randint(0, cfg["vocab"], (3, 9))
    print(name, nn.functional.cross_entropy(LM(cfg)(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item())
