"""Fine-tuning data for a Qwen-like block stack: pad the samples, mask, predict the next token."""
import torch
from torch import nn
from torch.utils.data import DataLoader

PAD = 0


class DataCollator:
    def __init__(self, max_length):
        self.max_length = max_length

    def __call__(self, samples):
        length = min(self.max_length, max(len(s) for s in samples))
        ids = torch.full((len(samples), length), PAD)
        labels = torch.full((len(samples), length), -100)
        for i, s in enumerate(samples):
            s = torch.tensor(s[:length])
            ids[i, :len(s)] = s
            labels[i, :len(s)] = s
        attention_mask = ids.ne(PAD).long()
        return {"input_ids": ids, "attention_mask": attention_mask, "labels": labels}


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x, attention_mask):
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
        causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
        scores = scores.masked_fill(~causal, torch.finfo(scores.dtype).min) + attention_mask
        x = x + self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.ln_2(x))


class QwenLike(nn.Module):
    def __init__(self, vocab=70, width=32, heads=4, depth=2):
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.lm_head = nn.Linear(width, vocab, bias=False)

    def forward(self, input_ids, attention_mask=None, labels=None):
        batch_size = input_ids.size(0)
        x = self.wte(input_ids)
        bias = x.new_zeros(1)
        if attention_mask is not None:
            attention_mask = attention_mask.view(batch_size, -1)
            bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
        for block in self.h:
            x = block(x, bias)
        logits = self.lm_head(x)
        return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


def main():
    torch.manual_seed(0)
    samples = [torch.randint(1, 70, (n,)).tolist() for n in (9, 6, 7, 5)]
    model = QwenLike()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, batch in enumerate(DataLoader(samples, batch_size=2, collate_fn=DataCollator(max_length=16))):
        loss = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, "loss %.3f" % loss.item())


if __name__ == "__main__":
    main()
