"""Speech codes from a written description: training on batches, sampling with classifier-free guidance."""
import torch
from torch import nn

CODES, PAD, START = 48, 0, 1


class DecoderLayer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.cross_attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x, memory, memory_mask):
        causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).triu(1)
        x = self.norm1(x + self.self_attn(x, x, x, attn_mask=causal, need_weights=False)[0])
        seen = self.cross_attn(x, memory, memory, key_padding_mask=memory_mask == 0, need_weights=False)[0]
        return self.norm2(x + seen)


class SpeechDecoder(nn.Module):
    def __init__(self, dim=32, heads=4, layers=2):
        super().__init__()
        self.embed = nn.Embedding(CODES, dim)
        self.layers = nn.ModuleList(DecoderLayer(dim, heads) for _ in range(layers))
        self.head = nn.Linear(dim, CODES)

    def forward(self, codes, memory, memory_mask):
        x = self.embed(codes)
        for layer in self.layers:
            x = layer(x, memory, memory_mask)
        return self.head(x)


class DescribedSpeech(nn.Module):
    def __init__(self, vocab=60, dim=32):
        super().__init__()
        self.text = nn.Embedding(vocab, dim, padding_idx=PAD)
        self.decoder = SpeechDecoder(dim)

    def forward(self, prompt, prompt_mask, codes):
        logits = self.decoder(codes[:, :-1], self.text(prompt), prompt_mask)
        return nn.functional.cross_entropy(logits.flatten(0, 1), codes[:, 1:].flatten())

    @torch.no_grad()
    def generate(self, prompt, prompt_mask, steps=6, guidance=3.0):
        memory = self.text(prompt)
        memory = torch.cat([memory, torch.zeros_like(memory)])
        codes = torch.full((prompt.size(0), 1), START)
        for _ in range(steps):
            both = self.decoder(codes.repeat(2, 1), memory, prompt_mask.repeat(2, 1))
            cond, uncond = both[:, -1].chunk(2)
            scores = uncond + guidance * (cond - uncond)
            codes = torch.cat([codes, scores.argmax(-1, keepdim=True)], dim=1)
        return codes[:, 1:]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = DescribedSpeech()
    prompt = torch.tensor([[5, 9, 31, 7, 12], [8, 44, 3, PAD, PAD]])
    mask = (prompt != PAD).long()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss = model(prompt, mask, torch.randint(2, CODES, (2, 10)))
    loss.backward()
    optimizer.step()
    print("loss %.3f" % loss.item())
    print("codes", model.eval().generate(prompt, mask).tolist())
