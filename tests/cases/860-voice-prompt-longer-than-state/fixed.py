"""Streaming speech decoder: a voice sample is read once, then frames are produced one by one."""
import torch
import torch.nn.functional as F
from torch import nn


class StreamingAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.in_proj, self.out_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def init_state(self, batch_size, sequence_length):
        shape = (2, batch_size, sequence_length, self.heads, self.dim // self.heads)
        return {"cache": torch.zeros(shape), "end": 0}

    def forward(self, x, state):
        rows, steps, _ = x.shape
        q, k, v = self.in_proj(x).view(rows, steps, 3, self.heads, -1).unbind(2)
        start, end = state["end"], state["end"] + steps
        state["cache"][:, :, start:end] = torch.stack([k, v])
        keys, values = state["cache"][:, :, :end].transpose(2, 3)
        mask = torch.ones(steps, end, dtype=torch.bool).tril(start)
        out = F.scaled_dot_product_attention(q.transpose(1, 2), keys, values, attn_mask=mask)
        state["end"] = end
        return self.out_proj(out.transpose(1, 2).flatten(2))


class FlowLM(nn.Module):
    def __init__(self, dim=32, heads=4, depth=2):
        super().__init__()
        self.attentions = nn.ModuleList(StreamingAttention(dim, heads) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.head = nn.Linear(dim, dim)

    def init_states(self, batch_size=1, sequence_length=100):
        return [layer.init_state(batch_size, sequence_length) for layer in self.attentions]

    def forward(self, frames, states):
        for attention, norm, state in zip(self.attentions, self.norms, states):
            frames = frames + attention(norm(frames), state)
        return self.head(frames)


class Speaker:
    def __init__(self, model, frame_rate=12):
        self.model, self.frame_rate = model, frame_rate

    def read_voice(self, seconds):
        return torch.randn(1, round(seconds * self.frame_rate), 32)

    @torch.no_grad()
    def say(self, text, voice):
        budget = 3 * len(text.split())
        states = self.model.init_states(sequence_length=voice.size(1) + budget)
        frame = self.model(voice, states)[:, -1:]
        produced = [frame]
        for _ in range(budget - 1):
            produced.append(self.model(produced[-1], states))
        return torch.cat(produced, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    speaker = Speaker(FlowLM().eval())
    for name, seconds in (("alba", 3.5), ("marius", 6.0), ("javert", 10.5)):
        audio = speaker.say("the train to the coast leaves at nine", speaker.read_voice(seconds))
        print(f"{name:<7} frames {audio.size(1)} level {audio.pow(2).mean().sqrt().item():.3f}")
