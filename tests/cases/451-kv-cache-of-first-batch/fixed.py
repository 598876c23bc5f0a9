"""A small decoder with an internal key/value cache; answers a list of prompts in batches."""
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, x, mask, input_pos, cache):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, self.head_dim).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        k = cache[0].index_copy_(2, input_pos, k)
        v = cache[1].index_copy_(2, input_pos, v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class GPT(nn.Module):
    def __init__(self, vocab=60, width=32, heads=4, layers=2, block_size=40):
        super().__init__()
        self.heads, self.block_size = heads, block_size
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(block_size, width)
        self.blocks = nn.ModuleList(Attention(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab, bias=False)
        self.register_buffer("causal", torch.ones(block_size, block_size, dtype=torch.bool).tril())
        self.kv_caches = []

    def build_caches(self, rows):
        shape = (rows, self.heads, self.block_size, self.wte.embedding_dim // self.heads)
        return [(torch.zeros(shape), torch.zeros(shape)) for _ in self.blocks]

    def forward(self, idx, input_pos):
        x = self.wte(idx) + self.wpe(input_pos)
        mask = self.causal[input_pos]
        if not self.kv_caches:
            self.kv_caches = self.build_caches(idx.size(0))
        for block, cache in zip(self.blocks, self.kv_caches):
            x = x + block(x, mask, input_pos, cache)
        return self.head(self.norm(x))


@torch.no_grad()
def generate(model, prompts, max_new_tokens):
    tokens = prompts
    model.kv_caches.clear()
    input_pos = torch.arange(prompts.size(1))
    for _ in range(max_new_tokens):
        logits = model(tokens[:, input_pos], input_pos)
        tokens = torch.cat([tokens, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
        input_pos = input_pos[-1:] + 1
    return tokens[:, prompts.size(1):]


def answer_all(model, prompts, batch_size=3):
    for batch in prompts.split(batch_size):
        for row in generate(model, batch, max_new_tokens=6).tolist():
            yield row


if __name__ == "__main__":
    torch.manual_seed(0)
    model = GPT().eval()
    for i, row in enumerate(answer_all(model, torch.randint(60, (8, 7)))):
        print(i, row)
