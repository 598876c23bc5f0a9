"""Emotion classifier on top of wav2vec2: mean over the frames that belong to speech."""
import numpy as np
import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

EMOTIONS = ["neutral", "happy", "angry"]
RATE = 16000


class Collator:
    def __init__(self, extractor):
        self.extractor = extractor

    def __call__(self, clips):
        batch = self.extractor(
            [clip["array"] for clip in clips], sampling_rate=RATE, padding=True, return_attention_mask=True,
            return_tensors="pt",
        )
        batch["labels"] = torch.tensor([EMOTIONS.index(clip["emotion"]) for clip in clips])
        return batch


class EmotionClassifier(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wav2vec2 = Wav2Vec2Model(config)
        self.head = nn.Sequential(nn.Linear(config.hidden_size, 24), nn.Tanh(), nn.Linear(24, len(EMOTIONS)))

    def merged_strategy(self, hidden, attention_mask):
        if attention_mask is None:
            return hidden.mean(dim=1)
        attention_mask = self.wav2vec2._get_feature_vector_attention_mask(hidden.size(1), attention_mask)
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(dim=1) / mask.sum(dim=1)

    def forward(self, input_values, attention_mask=None, labels=None):
        hidden = self.wav2vec2(input_values, attention_mask=attention_mask).last_hidden_state
        logits = self.head(self.merged_strategy(hidden, attention_mask))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return loss, logits


def recordings(seconds, seed=0):
    rng = np.random.default_rng(seed)
    for i, duration in enumerate(seconds):
        yield {"array": rng.normal(size=int(duration * RATE)).astype("float32"), "emotion": EMOTIONS[i % 3]}


def main():
    torch.manual_seed(0)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    model = EmotionClassifier(Wav2Vec2Config(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, conv_dim=(16,) * 4,
        conv_kernel=(10, 8, 4, 4), conv_stride=(5, 4, 2, 2), num_feat_extract_layers=4, feat_extract_norm="layer",
        do_stable_layer_norm=True, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )).eval()
    batch = Collator(extractor)(list(recordings([0.25, 0.4, 0.3])))
    with torch.no_grad():
        loss, logits = model(**batch)
    print("loss %.3f" % loss, "predicted", [EMOTIONS[i] for i in logits.argmax(-1)])


if __name__ == "__main__":
    main()
