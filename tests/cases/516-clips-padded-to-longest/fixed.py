"""Classify spoken words by emotion with a small Whisper encoder."""
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForAudioClassification

RATE = 16000
EMOTIONS = ["neutral", "happy", "angry", "sad"]


class SpokenWords(Dataset):
    """Words cut out of longer recordings by forced alignment."""

    def __init__(self, seconds, seed=0):
        rng = np.random.default_rng(seed)
        self.clips = [rng.standard_normal(int(s * RATE)).astype(np.float32) * 0.1 for s in seconds]
        self.labels = rng.integers(0, len(EMOTIONS), len(seconds)).tolist()

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, i):
        return self.clips[i], self.labels[i]


class Collator:
    def __init__(self, extractor):
        self.extractor = extractor

    def __call__(self, items):
        clips, labels = zip(*items)
        batch = self.extractor(list(clips), sampling_rate=RATE, padding="max_length", return_tensors="pt")
        return {"input_features": batch["input_features"], "labels": torch.tensor(labels)}


def build_model(extractor):
    torch.manual_seed(0)
    return WhisperForAudioClassification(WhisperConfig(
        vocab_size=64, num_mel_bins=extractor.feature_size, d_model=32, encoder_layers=2, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_source_positions=extractor.nb_max_frames // 2, max_target_positions=32, num_labels=len(EMOTIONS),
        classifier_proj_size=16, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    ))


def main():
    extractor = WhisperFeatureExtractor(feature_size=20, sampling_rate=RATE, chunk_length=1)
    words = SpokenWords([0.42, 1.0, 0.35, 0.8, 0.6, 0.5, 0.71, 0.3])
    loader = DataLoader(words, batch_size=4, collate_fn=Collator(extractor))
    model = build_model(extractor)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(2):
        for step, batch in enumerate(loader):
            loss = model(**batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            print(f"epoch {epoch} step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
