from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Options:
    beam_size: int = 4
    max_tokens: int = 5
    sot: int = 1


class MultiHeadAttention(nn.Module):
    def __init__(self, n_state, n_head):
        super().__init__()
        self.n_head = n_head
        self.query, self.value = nn.Linear(n_state, n_state), nn.Linear(n_state, n_state)
        self.key, self.out = nn.Linear(n_state, n_state, bias=False), nn.Linear(n_state, n_state)

    def split(self, t):
        return t.view(*t.shape[:2], self.n_head, -1).permute(0, 2, 1, 3)

    def forward(self, x, xa=None, mask=None):
        source = x if xa is None else xa
        q, k, v = self.split(self.query(x)), self.split(self.key(source)), self.split(self.value(source))
        qk = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
        if mask is not None:
            qk = qk + mask[: x.shape[1], : x.shape[1]]
        return self.out((qk.softmax(-1) @ v).permute(0, 2, 1, 3).flatten(2))


class TextDecoder(nn.Module):
    def __init__(self, n_vocab=50, n_ctx=16, n_state=24, n_head=3):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(n_vocab, n_state), nn.Parameter(0.1 * torch.randn(n_ctx, n_state))
        self.attn, self.cross_attn = MultiHeadAttention(n_state, n_head), MultiHeadAttention(n_state, n_head)
        self.ln, self.head = nn.LayerNorm(n_state), nn.Linear(n_state, n_vocab, bias=False)
        self.register_buffer("mask", torch.full((n_ctx, n_ctx), float("-inf")).triu_(1))

    def forward(self, tokens, audio):
        x = self.tokens(tokens) + self.positions[: tokens.shape[-1]]
        x = x + self.attn(x, mask=self.mask)
        x = x + self.cross_attn(self.ln(x), audio)
        return self.head(self.ln(x))


class DecodingTask:
    def __init__(self, encoder, decoder, options):
        self.encoder, self.decoder, self.options = encoder, decoder, options
        self.n_group = options.beam_size

    @torch.no_grad()
    def run(self, mel):
        audio_features = self.encoder(mel).transpose(1, 2)
        n_audio = len(audio_features)
        audio_features = audio_features.repeat_interleave(self.n_group, dim=0)
        tokens = torch.full((n_audio, 1), self.options.sot)
        tokens = tokens.repeat_interleave(self.n_group, dim=0)
        sums = torch.zeros(n_audio, self.n_group)
        sums[:, 1:] = float("-inf")
        for _ in range(self.options.max_tokens):
            logprobs = self.decoder(tokens, audio_features)[:, -1].log_softmax(-1)
            total = (sums.view(-1, 1) + logprobs).view(n_audio, -1)
            sums, picked = total.topk(self.n_group, dim=-1)
            rows = picked // logprobs.shape[-1] + torch.arange(n_audio)[:, None] * self.n_group
            tokens = torch.cat([tokens[rows.view(-1)], (picked % logprobs.shape[-1]).view(-1, 1)], dim=1)
        return tokens.view(n_audio, self.n_group, -1)[:, 0].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    task = DecodingTask(nn.Conv1d(8, 24, 3, 2, 1).eval(), TextDecoder().eval(), Options())
    recordings = torch.randn(3, 8, 40)
    print("first alone", task.run(recordings[:1]))
    print("all three", task.run(recordings))
