"""Transcribe clips with several sampled candidates per clip and keep the likeliest one."""
import torch
from torch import nn
import torch.nn.functional as F

SOT = 1


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, source, causal=False):
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for t in (self.query(x), self.key(source), self.value(source)))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))


class SpeechModel(nn.Module):
    def __init__(self, mels=8, width=32, heads=4, vocab=60):
        super().__init__()
        self.conv = nn.Conv1d(mels, width, 3, stride=2, padding=1)
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Embedding(64, width)
        self.attn, self.cross_attn = Attention(width, heads), Attention(width, heads)
        self.head = nn.Linear(width, vocab)

    def encode(self, mel):
        return F.gelu(self.conv(mel)).transpose(1, 2)

    def decode(self, tokens, audio):
        x = self.embed(tokens) + self.place.weight[:tokens.size(1)]
        x = x + self.attn(x, x, causal=True)
        x = x + self.cross_attn(x, audio)
        return self.head(x)


class DecodingTask:
    def __init__(self, model, best_of=1, temperature=0.0, sample_len=6):
        self.model, self.n_group = model, best_of
        self.temperature, self.sample_len = temperature, sample_len

    def pick(self, logits):
        logprobs = logits.log_softmax(dim=-1)
        if self.temperature == 0:
            token = logprobs.argmax(dim=-1)
        else:
            token = torch.distributions.Categorical(logits=logits / self.temperature).sample()
        return token, logprobs.gather(1, token[:, None])[:, 0]

    @torch.no_grad()
    def run(self, mel):
        n_audio = mel.size(0)
        audio = self.model.encode(mel).repeat_interleave(self.n_group, dim=0)
        tokens = torch.full((n_audio * self.n_group, 1), SOT)
        total = torch.zeros(len(tokens))
        for _ in range(self.sample_len):
            logits = self.model.decode(tokens, audio)[:, -1]
            token, logprob = self.pick(logits)
            tokens = torch.cat([tokens, token[:, None]], dim=1)
            total = total + logprob
        best = total.view(n_audio, self.n_group).argmax(dim=1)
        return tokens.view(n_audio, self.n_group, -1)[torch.arange(n_audio), best, 1:].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    model, clips = SpeechModel().eval(), torch.randn(3, 8, 40)
    print("greedy   ", DecodingTask(model).run(clips))
    sampled = DecodingTask(model, best_of=4, temperature=0.7)
    print("one clip ", sampled.run(clips[:1]))
    print("all clips", sampled.run(clips))
