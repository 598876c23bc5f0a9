import torch
import torch.nn as nn
import torch.nn.functional as F

PROMPTS = ["Hello, my name is", "Write a short story about a fox", "Hi", "List three facts on tin"]
NEW_TOKENS = 12


class KVCache(nn.Module):
    def __init__(self, batch, length, heads, head_dim):
        super().__init__()
        self.register_buffer("k", torch.zeros(batch, heads, length, head_dim))
        self.register_buffer("v", torch.zeros(batch, heads, length, head_dim))

    def update(self, input_pos, k, v):
        self.k[:, :, input_pos] = k
        self.v[:, :, input_pos] = v
        return self.k, self.v


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.cache = heads, None
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x, input_pos):
        b, t, d = x.shape
        q, k, v = (p.view(b, t, self.heads, -1).transpose(1, 2) for p in self.qkv(self.norm1(x)).chunk(3, -1))
        k, v = self.cache.update(input_pos, k, v)
        mask = torch.arange(k.size(2)) <= input_pos[:, None]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, vocab=128, dim=32, heads=4, layers=2, block_size=256):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(block_size, dim)
        self.layers = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.head = nn.Linear(dim, vocab)

    def setup_caches(self, max_batch_size, max_seq_length):
        for layer in self.layers:
            head_dim = layer.out.in_features // layer.heads
            layer.cache = KVCache(max_batch_size, max_seq_length, layer.heads, head_dim)

    def forward(self, idx, input_pos):
        x = self.tok(idx) + self.pos(input_pos)
        for layer in self.layers:
            x = layer(x, input_pos)
        return self.head(x)


@torch.no_grad()
def generate(model, prompt, max_new_tokens):
    seq, input_pos = prompt, torch.arange(prompt.size(0))
    for _ in range(max_new_tokens):
        logits = model(seq[input_pos][None], input_pos)
        seq = torch.cat([seq, logits[0, -1:].argmax(-1)])
        input_pos = input_pos[-1:] + 1
    return seq


def main():
    torch.manual_seed(1)
    model = Transformer().eval()
    encoded = [torch.tensor([ord(ch) for ch in text]) for text in PROMPTS]
    model.setup_caches(max_batch_size=1, max_seq_length=encoded[0].size(0) + NEW_TOKENS)
    for text, prompt in zip(PROMPTS, encoded):
        seq = generate(model, prompt, NEW_TOKENS)
        print(f"{text!r}: {seq[prompt.size(0):].tolist()}")


main()
