import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
TARGETS = ("c_attn", "c_proj", "c_fc")


class Conv1D(nn.Module):
    def __init__(self, nf, nx):
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(nx, nf))
        self.bias = nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        return torch.addmm(self.bias, x.reshape(-1, x.size(-1)), self.weight).view(*x.shape[:-1], -1)


class LoRA(nn.Module):
    def __init__(self, base, r=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        fan_out, fan_in = base.weight.shape
        self.a = nn.Linear(fan_in, r, bias=False)
        self.b = nn.Linear(r, fan_out, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x):
        return self.base(x) + 2 * self.b(self.a(x))


class Block(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.c_proj = Conv1D(d, d)
        self.c_fc = Conv1D(4 * d, d)
        self.out = nn.Linear(4 * d, d)

    def forward(self, x):
        x = x + self.c_proj(x)
        return x + self.out(torch.relu(self.c_fc(x)))


def inject(module):
    for name, child in list(module.named_children()):
        setattr(module, name, LoRA(child)) if name in TARGETS else inject(child)
    return module


model = inject(nn.Sequential(Block(), Block()))
opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
for _ in range(3):
    loss = model(torch.randn(4, 6, 32)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
