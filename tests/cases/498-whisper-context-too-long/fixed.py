"""Transcribe a long recording window by window; each window is prompted with the text before it."""
from dataclasses import dataclass, field

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

START_OF_PREV, START = 3, 1


@dataclass
class Options:
    max_new_tokens: int = 24
    condition_on_previous_text: bool = True


@dataclass
class Transcript:
    tokens: list = field(default_factory=list)
    segments: list = field(default_factory=list)

    def add(self, tokens):
        self.segments.append(tokens)
        self.tokens.extend(tokens)


def load_model():
    torch.manual_seed(1)
    config = WhisperConfig(
        vocab_size=120, num_mel_bins=16, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_source_positions=50,
        max_target_positions=64, decoder_start_token_id=START, pad_token_id=0, bos_token_id=0, eos_token_id=2,
        suppress_tokens=None, begin_suppress_tokens=None, init_std=0.3, max_length=64,
    )
    return WhisperForConditionalGeneration(config).eval()


class Transcriber:
    def __init__(self, model, options):
        self.model = model
        self.options = options

    def prompt(self, transcript):
        if not (self.options.condition_on_previous_text and transcript.tokens):
            return None
        room = self.model.config.max_target_positions - self.options.max_new_tokens - 2
        return torch.tensor([START_OF_PREV] + transcript.tokens[-room:])

    def windows(self, mel, size=100):
        for start in range(0, mel.size(1), size):
            yield mel[:, start:start + size]

    @torch.no_grad()
    def run(self, mel):
        transcript = Transcript()
        for number, window in enumerate(self.windows(mel)):
            out = self.model.generate(
                window.unsqueeze(0), prompt_ids=self.prompt(transcript), max_new_tokens=self.options.max_new_tokens
            )
            text = [t for t in out[0].tolist() if t > START_OF_PREV]
            transcript.add(text)
            print(f"window {number}: {len(text)} tokens, {text[:6]}")
        return transcript


if __name__ == "__main__":
    recording = torch.randn(16, 500, generator=torch.Generator().manual_seed(2))
    result = Transcriber(load_model(), Options()).run(recording)
    print("segments", len(result.segments), "tokens", len(result.tokens))
