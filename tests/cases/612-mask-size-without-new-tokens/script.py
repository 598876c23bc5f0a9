"""Speak text window by window after a voice preset whose keys and values were stored earlier."""
from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2Model
from transformers.cache_utils import Cache, CacheLayerMixin

WINDOW, FRAMES = 5, 3


class PresetLayer(CacheLayerMixin):
    """Keys and values of one layer, started from stored tensors."""

    is_sliding = False

    def __init__(self, keys, values):
        super().__init__()
        self.keys, self.values = keys, values
        self.is_initialized = True

    def lazy_initialization(self, key_states, value_states):
        pass

    def update(self, key_states, value_states, *args, **kwargs):
        self.keys = torch.cat([self.keys, key_states], dim=2)
        self.values = torch.cat([self.values, value_states], dim=2)
        return self.keys, self.values

    def get_seq_length(self):
        return self.keys.size(2)

    def get_max_length(self):
        return -1

    def get_mask_sizes(self, query_length):
        return self.get_seq_length(), 0


@dataclass
class Voice:
    name: str
    layers: list

    def cache(self):
        return Cache(layers=[PresetLayer(k.clone(), v.clone()) for k, v in self.layers])


class StreamingSpeaker(torch.nn.Module):
    def __init__(self, vocab=60, width=32):
        super().__init__()
        torch.manual_seed(0)
        self.lm = Qwen2Model(Qwen2Config(
            vocab_size=vocab, hidden_size=width, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        ))
        self.speech_in = torch.nn.Linear(4, width)
        self.speech_out = torch.nn.Linear(width, 4)

    @torch.no_grad()
    def record_voice(self, name, samples):
        cache = self.lm(inputs_embeds=self.speech_in(samples)[None], use_cache=True).past_key_values
        return Voice(name, [(layer.keys, layer.values) for layer in cache.layers])

    def forward_lm(self, embeds, cache):
        out = self.lm(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        return out.last_hidden_state[:, -1:]

    @torch.no_grad()
    def generate(self, voice, ids):
        cache = voice.cache()
        frame = self.speech_out(self.forward_lm(self.speech_in(torch.zeros(1, 1, 4)), cache))
        speech = [frame]
        for window in ids.split(WINDOW, dim=1):
            hidden = self.forward_lm(self.lm.embed_tokens(window), cache)
            for _ in range(FRAMES):
                frame = self.speech_out(hidden)
                speech.append(frame)
                hidden = self.forward_lm(self.speech_in(frame), cache)
        return torch.cat(speech, dim=1)


if __name__ == "__main__":
    speaker = StreamingSpeaker().eval()
    voice = speaker.record_voice("emma", torch.randn(9, 4))
    print("voice", voice.name, "of", voice.layers[0][0].size(2), "frames")
    text = torch.randint(3, 60, (1, 10))
    speech = speaker.generate(voice, text)
    print("speech", tuple(speech.shape), "level %.4f" % speech.abs().mean())
