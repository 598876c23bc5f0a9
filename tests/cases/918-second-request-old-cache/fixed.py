"""A small generation API around a GPT with a preallocated key/value cache per block."""
import torch
from torch import nn
from torch.nn import functional as F


class KVCache(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.register_buffer("k", torch.zeros(shape), persistent=False)
        self.register_buffer("v", torch.zeros(shape), persistent=False)

    def forward(self, input_pos, k, v):
        return self.k.index_copy_(2, input_pos, k), self.v.index_copy_(2, input_pos, v)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.kv_cache = None

    def forward(self, x, mask, input_pos):
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        k, v = self.kv_cache(input_pos, k, v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return x + self.proj(y.transpose(1, 2).flatten(2))


class GPT(nn.Module):
    def __init__(self, vocab=60, width=32, heads=4, depth=2, block_size=256):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(block_size, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.mask_cache = None

    def set_kv_cache(self, max_seq_length):
        self.mask_cache = torch.ones(max_seq_length, max_seq_length, dtype=torch.bool).tril()
        for block in self.h:
            block.kv_cache = KVCache((1, block.heads, max_seq_length, block.proj.in_features // block.heads))

    def forward(self, idx, input_pos):
        x = self.wte(idx) + self.wpe(input_pos)
        for block in self.h:
            x = block(x, self.mask_cache[input_pos], input_pos)
        return self.lm_head(x[:, -1])


class LLM:
    def __init__(self, model):
        self.model = model
        self.cache_length = 0

    @torch.no_grad()
    def generate(self, prompt, max_new_tokens):
        max_returned_tokens = len(prompt) + max_new_tokens
        if self.cache_length < max_returned_tokens:
            self.model.set_kv_cache(max_returned_tokens)
            self.cache_length = max_returned_tokens
        token, input_pos, answer = torch.tensor([prompt]), torch.arange(len(prompt)), []
        for _ in range(max_new_tokens):
            token = self.model(token, input_pos).argmax(-1, keepdim=True)
            input_pos = input_pos[-1:] + 1
            answer.append(token.item())
        return answer


if __name__ == "__main__":
    torch.manual_seed(0)
    llm = LLM(GPT().eval())
    for text in ([3, 14, 15, 9, 2, 6], [27, 18, 28, 18], [1, 41, 42, 13, 5, 6, 23, 7, 30, 9, 50]):
        print(len(text), "->", llm.generate(text, max_new_tokens=10))
