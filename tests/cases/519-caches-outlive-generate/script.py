"""Text generation with a compact transformer that caches keys, values and its causal mask."""
import torch
from torch import nn
from torch.nn import functional as F

BLOCK, VOCAB, WIDTH, HEADS, LAYERS = 64, 50, 32, 4, 2


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask, input_pos, kv_cache):
        b, t, _ = x.shape
        q, k, v = self.attn(x).view(b, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        cache_k, cache_v = kv_cache
        k = cache_k.index_copy_(2, input_pos, k)
        v = cache_v.index_copy_(2, input_pos, v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(y.transpose(1, 2).reshape(b, t, WIDTH))


class Parrot(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCAB, WIDTH), nn.Embedding(BLOCK, WIDTH)
        self.blocks = nn.ModuleList(CausalSelfAttention() for _ in range(LAYERS))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)
        self.mask_cache = None
        self.kv_caches = []

    def build_kv_caches(self, rows, max_seq_length):
        shape = (rows, HEADS, max_seq_length, WIDTH // HEADS)
        return [(torch.zeros(shape), torch.zeros(shape)) for _ in self.blocks]

    def forward(self, idx, max_seq_length, input_pos):
        if self.mask_cache is None:
            self.mask_cache = torch.ones(BLOCK, BLOCK, dtype=torch.bool).tril()[None, None]
        mask = self.mask_cache.index_select(2, input_pos)[..., :max_seq_length]
        if not self.kv_caches:
            self.kv_caches = self.build_kv_caches(idx.size(0), max_seq_length)
        x = self.wte(idx) + self.wpe(input_pos)
        for block, norm, cache in zip(self.blocks, self.norms, self.kv_caches):
            x = x + block(norm(x), mask, input_pos, cache)
        return self.head(x)


@torch.no_grad()
def generate(model, idx, max_new_tokens, temperature=0.8):
    total = idx.size(0) + max_new_tokens
    input_pos = torch.arange(idx.size(0))
    for _ in range(max_new_tokens):
        logits = model(idx.index_select(0, input_pos).view(1, -1), total, input_pos)
        probs = F.softmax(logits[0, -1] / temperature, dim=-1)
        idx = torch.cat([idx, torch.multinomial(probs, 1)])
        input_pos = input_pos[-1:] + 1
    return idx


if __name__ == "__main__":
    torch.manual_seed(0)
    parrot = Parrot().eval()
    prompts = [torch.randint(0, VOCAB, (n,)) for n in (3, 4)]
    for prompt in prompts:
        print(prompt.tolist(), "->", generate(parrot, prompt, max_new_tokens=4)[len(prompt):].tolist())
