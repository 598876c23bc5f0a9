"""Streaming speech model: the voice prompt and the text are written into preallocated states, then frames follow."""
import torch
from torch import nn
from torch.nn import functional as F

FRAME_RATE = 12.5
LATENT = 16


class StreamingAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def init_state(self, batch, slots):
        return {"cache": torch.zeros(2, batch, slots, self.heads, self.head_dim), "end": 0}

    def complete(self, keys, values, state):
        start, stop = state["end"], state["end"] + keys.size(1)
        state["cache"][0][:, start:stop] = keys
        state["cache"][1][:, start:stop] = values
        state["end"] = stop
        return state["cache"][0][:, :stop], state["cache"][1][:, :stop]

    def forward(self, x, state):
        batch, time, _ = x.shape
        q, k, v = self.qkv(x).view(batch, time, 3, self.heads, self.head_dim).unbind(2)
        k, v = self.complete(k, v, state)
        allowed = torch.ones(time, k.size(1), dtype=torch.bool).tril(k.size(1) - time)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=allowed)
        return self.out(y.transpose(1, 2).flatten(2))


class FlowLM(nn.Module):
    def __init__(self, width=32, heads=4, layers=2, text_vocab=40):
        super().__init__()
        self.voice_in = nn.Linear(LATENT, width)
        self.text_in = nn.Embedding(text_vocab, width)
        self.layers = nn.ModuleList(StreamingAttention(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, LATENT)

    def init_states(self, batch=1, slots=100):
        return [layer.init_state(batch, slots) for layer in self.layers]

    def step(self, x, states):
        for layer, state in zip(self.layers, states):
            x = x + layer(x, state)
        return self.head(x[:, -1:])


class Voice:
    def __init__(self, seconds, seed):
        frames = int(seconds * FRAME_RATE)
        self.latents = torch.randn(1, frames, LATENT, generator=torch.Generator().manual_seed(seed))


class Speaker:
    def __init__(self, model):
        self.model = model.eval()

    @torch.no_grad()
    def say(self, text_ids, voice, max_frames=30):
        states = self.model.init_states(slots=voice.latents.size(1) + len(text_ids) + max_frames)
        self.model.step(self.model.voice_in(voice.latents), states)
        latent = self.model.step(self.model.text_in(torch.tensor([text_ids])), states)
        frames = [latent]
        for _ in range(max_frames - 1):
            latent = self.model.step(self.model.voice_in(latent), states)
            frames.append(latent)
        return torch.cat(frames, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    speaker = Speaker(FlowLM())
    for name, voice in {"short clip": Voice(4.0, 1), "interview": Voice(10.4, 2)}.items():
        audio = speaker.say([5, 9, 21, 7, 30], voice)
        print(f"{name}: voice {voice.latents.size(1)} frames, spoke {audio.size(1)} frames, level {audio.std():.3f}")
