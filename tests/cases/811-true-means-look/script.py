"""The chapter's small GPT, with the hand-written attention swapped for PyTorch's own function."""
import torch
from torch import nn
from torch.nn import functional as F

CONTEXT = 24
TEXT = "every effort moves you forward, and every step you take moves the effort further along. " * 4
CHARS = sorted(set(TEXT))
IDS = torch.tensor([CHARS.index(c) for c in TEXT])


class MHAScaledDotProduct(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.proj = nn.Linear(d_model, d_model)
        self.register_buffer("mask", torch.triu(torch.ones(CONTEXT, CONTEXT), diagonal=1).bool())

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.num_heads, width // self.num_heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
        attn_mask = self.mask[:tokens, :tokens]
        context = F.scaled_dot_product_attention(queries, keys, values, attn_mask=attn_mask, dropout_p=0.0)
        return self.proj(context.transpose(1, 2).reshape(batch, tokens, width))


class TinyGPT(nn.Module):
    def __init__(self, d_model=48, num_heads=4, depth=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(len(CHARS), d_model), nn.Embedding(CONTEXT, d_model)
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(depth))
        self.attns = nn.ModuleList(MHAScaledDotProduct(d_model, num_heads) for _ in range(depth))
        self.out = nn.Linear(d_model, len(CHARS))

    def forward(self, idx):
        x = self.tok(idx) + self.pos.weight[:idx.size(1)]
        for norm, attn in zip(self.norms, self.attns):
            x = x + attn(norm(x))
        return self.out(x)


def train(model, steps=250):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(steps):
        starts = torch.randint(len(IDS) - CONTEXT - 1, (16,)).tolist()
        chunk = torch.stack([IDS[i:i + CONTEXT + 1] for i in starts])
        loss = F.cross_entropy(model(chunk[:, :-1]).flatten(0, 1), chunk[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def sample(model, start, length=40):
    idx = torch.tensor([[CHARS.index(c) for c in start]])
    for _ in range(length):
        logits = model(idx[:, -CONTEXT:])[:, -1]
        idx = torch.cat([idx, logits.argmax(-1, keepdim=True)], dim=1)
    return "".join(CHARS[i] for i in idx[0].tolist())


if __name__ == "__main__":
    torch.manual_seed(123)
    gpt = TinyGPT()
    print("train loss %.3f" % train(gpt))
    print(sample(gpt, "every effort moves"))
