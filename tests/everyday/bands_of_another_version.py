"""Transcribe short clips; the front end was chosen for the newer checkpoints."""

import numpy as np
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

RATE = 16000
FRONT_ENDS = {
    "v2": dict(feature_size=80),
    "v3": dict(feature_size=128),
}


def front_end(version="v3", seconds=1):
    return WhisperFeatureExtractor(sampling_rate=RATE, chunk_length=seconds, **FRONT_ENDS[version])


def tiny_whisper():
    return WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=50,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            num_mel_bins=80,
            max_source_positions=50,
            max_target_positions=24,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
    ).eval()


class Transcriber:
    def __init__(self, model, extractor):
        self.model, self.extractor = model, extractor

    @torch.no_grad()
    def __call__(self, clips, steps=5):
        inputs = self.extractor(clips, sampling_rate=RATE, return_tensors="pt")
        states = self.model.get_encoder()(inputs.input_features)
        tokens = torch.ones(len(clips), 1, dtype=torch.long)
        for _ in range(steps):
            logits = self.model(encoder_outputs=states, decoder_input_ids=tokens).logits
            tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], dim=1)
        return tokens.tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    t = np.arange(RATE) / RATE
    clips = [np.sin(2 * np.pi * f * t).astype(np.float32) for f in (220, 440, 880)]
    for row in Transcriber(tiny_whisper(), front_end())(clips):
        print(row)
