"""Block-wise decoding of a masked diffusion language model; keys and values outside the block are cached."""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, MASK = 40, 39


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, layer_past=None, replace_position=None):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        if layer_past is not None:
            past_k, past_v = layer_past
            where = replace_position[0].nonzero(as_tuple=True)[0]
            past_k[:, :, where] = k
            past_v[:, :, where] = v
            k, v = past_k, past_v
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(B, T, C)), (k, v)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x, layer_past=None, replace_position=None):
        y, present = self.attn(self.ln1(x), layer_past, replace_position)
        x = x + y
        return x + self.mlp(self.ln2(x)), present


class DiffusionLM(nn.Module):
    def __init__(self, width=32, heads=4, layers=2, max_len=64):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, width)
        self.pos = nn.Embedding(max_len, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, VOCAB)

    def forward(self, ids, start=0, past=None, replace_position=None):
        x = self.tok(ids) + self.pos(torch.arange(start, start + ids.size(1)))
        presents = []
        for i, block in enumerate(self.blocks):
            x, present = block(x, past[i] if past else None, replace_position)
            presents.append(present)
        return self.head(x), presents


def unmask(ids, logits, count):
    logits = logits.clone()
    logits[..., MASK] = -torch.inf
    confidence, guess = logits.softmax(-1).max(-1)
    confidence = confidence.masked_fill(ids != MASK, -1.0)
    chosen = confidence.topk(count, dim=-1).indices
    return ids.scatter(1, chosen, guess.gather(1, chosen))


@torch.no_grad()
def generate(model, prompt, gen_length=8, block_length=4, steps_per_block=4):
    B, P = prompt.shape
    x = torch.cat([prompt, torch.full((B, gen_length), MASK)], dim=1)
    for start in range(P, P + gen_length, block_length):
        end = start + block_length
        logits, past = model(x)
        x[:, start:end] = unmask(x[:, start:end], logits[:, start:end], 1)
        replace_position = torch.zeros_like(x, dtype=torch.bool)
        replace_position[:, start:end] = True
        for _ in range(steps_per_block - 1):
            logits, past = model(x[:, start:end], start, past, replace_position)
            x[:, start:end] = unmask(x[:, start:end], logits, 1)
    return x[:, P:]


if __name__ == "__main__":
    torch.manual_seed(3)
    model = DiffusionLM().eval()
    prompts = torch.randint(0, MASK, (3, 6))
    print("one  ", generate(model, prompts[:1]).tolist())
    print("three", generate(model, prompts).tolist())
