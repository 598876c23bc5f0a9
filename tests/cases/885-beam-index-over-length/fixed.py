"""Beam decoding for a GLM-style model whose layers work sequence-first."""
import torch
from torch import nn

VOCAB, WIDTH, HEADS = 48, 32, 4


class GLMAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.dense = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask, past=None):
        length, rows, _ = x.shape
        q, k, v = self.qkv(x).view(length, rows, HEADS, -1).chunk(3, dim=-1)
        if past is not None:
            k = torch.cat([past[0], k], dim=0)
            v = torch.cat([past[1], v], dim=0)
        scores = torch.einsum("qbhd,kbhd->bhqk", q, k) / q.size(-1) ** 0.5
        weights = (scores + mask).softmax(-1)
        mixed = torch.einsum("bhqk,kbhd->qbhd", weights, v)
        return self.dense(mixed.reshape(length, rows, WIDTH)), (k, v)


class TinyGLM(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCAB, WIDTH), nn.Embedding(64, WIDTH)
        self.layers = nn.ModuleList(GLMAttention() for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(depth))
        self.head = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids, start=0, past=None):
        length = ids.size(1)
        x = self.tokens(ids) + self.positions(torch.arange(start, start + length))
        x = x.transpose(0, 1)
        mask = torch.full((length, start + length), float("-inf")).triu(start + 1)
        present = []
        for i, (norm, layer) in enumerate(zip(self.norms, self.layers)):
            update, kv = layer(norm(x), mask, None if past is None else past[i])
            x = x + update
            present.append(kv)
        return self.head(x[-1]), present


def reorder(past, index):
    return [tuple(state.index_select(1, index) for state in kv) for kv in past]


@torch.no_grad()
def beam_search(model, prompt, width=3, steps=6):
    ids = torch.tensor([prompt] * width)
    scores = torch.tensor([0.0] + [float("-inf")] * (width - 1))
    inputs, past = ids, None
    for _ in range(steps):
        logits, past = model(inputs, ids.size(1) - inputs.size(1), past)
        total = scores.unsqueeze(1) + logits.log_softmax(-1)
        scores, flat = total.flatten().topk(width)
        parent, token = flat // VOCAB, flat % VOCAB
        ids = torch.cat([ids[parent], token.unsqueeze(1)], dim=1)
        past = reorder(past, parent)
        inputs = token.unsqueeze(1)
    return ids[0, len(prompt):].tolist(), scores[0].item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = TinyGLM().eval()
    for prompt in ([11, 4, 29, 30, 2, 17, 8], [6, 6, 40, 13]):
        best, score = beam_search(model, prompt)
        print(len(prompt), "tokens ->", best, "%.3f" % score)
