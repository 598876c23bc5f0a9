"""Low-rank adapters put by hand into the attention of GPT-2."""

import math

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


class LoRA(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        out_features, in_features = base.weight.shape
        self.down = nn.Parameter(torch.empty(rank, in_features))
        self.up = nn.Parameter(torch.zeros(out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + (x @ self.down.t() @ self.up.t()) * self.scale


def inject(model, targets=("c_attn",), **kw):
    model.requires_grad_(False)
    count = 0
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in targets:
                setattr(module, name, LoRA(child, **kw))
                count += 1
    return count


def main():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=90,
            n_embd=48,
            n_layer=2,
            n_head=4,
            n_positions=64,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    print("adapters", inject(model, rank=2))
    params = [p for p in model.parameters() if p.requires_grad]
    print("trainable", sum(p.numel() for p in params))
    opt = torch.optim.AdamW(params, lr=1e-2)
    data = torch.randint(0, 90, (12, 16))
    for ids in data.split(4):
        loss = model(ids, labels=ids).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        print("loss %.3f" % loss.item())


main()
