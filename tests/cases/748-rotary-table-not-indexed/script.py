"""Check drafted tokens in groups with a small rotary model that keeps preallocated keys and values."""
import torch
from torch import nn
from torch.nn import functional as F

VOCAB, WIDTH, HEADS, MAX_LENGTH = 72, 48, 4, 40
HEAD_DIM = WIDTH // HEADS


def rotate_half(x):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)


def apply_rotary_pos_emb(q, k, cos, sin, position_ids=None, unsqueeze_dim=1):
    cos = cos.unsqueeze(unsqueeze_dim)
    sin = sin.unsqueeze(unsqueeze_dim)
    return q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin


class Rotary(nn.Module):
    def __init__(self):
        super().__init__()
        inv_freq = 1.0 / 10000 ** (torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        angles = torch.outer(torch.arange(MAX_LENGTH), inv_freq).repeat(1, 2)
        self.register_buffer("cos_cached", angles.cos().unsqueeze(0))
        self.register_buffer("sin_cached", angles.sin().unsqueeze(0))

    def forward(self, seq_len):
        return self.cos_cached[:, :seq_len], self.sin_cached[:, :seq_len]


class Target(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(VOCAB, WIDTH), nn.Linear(WIDTH, VOCAB, bias=False)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.rotary = Rotary()

    def reset(self, rows=1):
        self.keys, self.values = torch.zeros(2, rows, HEADS, MAX_LENGTH, HEAD_DIM)

    def forward(self, ids, position_ids):
        x = self.embed(ids)
        b, n, _ = x.shape
        q, k, v = self.qkv(F.layer_norm(x, (WIDTH,))).view(b, n, 3, HEADS, HEAD_DIM).permute(2, 0, 3, 1, 4)
        kv_len = int(position_ids.max()) + 1
        cos, sin = self.rotary(kv_len)
        q, k = apply_rotary_pos_emb(q, k, cos, sin, position_ids)
        self.keys[:, :, kv_len - n:kv_len] = k
        self.values[:, :, kv_len - n:kv_len] = v
        mask = torch.arange(kv_len) <= position_ids[0].unsqueeze(1)
        out = F.scaled_dot_product_attention(q, self.keys[:, :, :kv_len], self.values[:, :, :kv_len], attn_mask=mask)
        return self.head(x + out.transpose(1, 2).reshape(b, n, WIDTH))


@torch.no_grad()
def verify(model, prompt, groups):
    model.reset()
    done = 0
    for tokens in (prompt, *groups):
        position_ids = torch.arange(done, done + len(tokens)).unsqueeze(0)
        logits = model(torch.tensor([tokens]), position_ids)
        done += len(tokens)
        print(f"{done:>3} tokens, wanted", logits[0].argmax(-1).tolist())


if __name__ == "__main__":
    torch.manual_seed(0)
    verify(Target().eval(), [5, 6, 7, 8, 9], groups=[[11, 3, 60], [2, 45, 17]])
