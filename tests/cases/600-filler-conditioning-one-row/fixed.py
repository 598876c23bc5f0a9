"""Conditioning tensors for long diffusion prompts: each prompt is encoded in windows of the text encoder's size."""
import torch
from transformers import CLIPTextConfig, CLIPTextModel

WINDOW = 12
BOS, EOS = 62, 63


def tokenize(text):
    return [1 + sum(map(ord, word)) % 60 for word in text.replace(",", " ").split()]


class LongPromptEncoder:
    def __init__(self, text_encoder):
        self.text_encoder = text_encoder

    def windows(self, ids):
        body = WINDOW - 2
        pieces = [ids[i:i + body] for i in range(0, len(ids), body)] or [[]]
        return [[BOS, *piece] + [EOS] * (WINDOW - 1 - len(piece)) for piece in pieces]

    @torch.no_grad()
    def encode_one(self, text):
        ids = torch.tensor(self.windows(tokenize(text)))
        states = self.text_encoder(ids).last_hidden_state
        return states.reshape(1, -1, states.size(-1))

    def extend(self, conditioning, filler, length):
        while conditioning.size(1) < length:
            conditioning = torch.cat([conditioning, filler], dim=1)
        return conditioning

    def pad_to_same_length(self, conditionings):
        filler = self.encode_one("")
        longest = max(c.size(1) for c in conditionings)
        return [self.extend(c, filler.expand(c.size(0), -1, -1), longest) for c in conditionings]

    def __call__(self, prompts):
        return torch.cat(self.pad_to_same_length([self.encode_one(p) for p in prompts]))


def guidance_pair(encoder, prompts, negatives):
    positive, negative = encoder(prompts), encoder(negatives)
    positive, negative = encoder.pad_to_same_length([positive, negative])
    return torch.stack([negative, positive])


if __name__ == "__main__":
    torch.manual_seed(0)
    encoder = LongPromptEncoder(CLIPTextModel(CLIPTextConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=WINDOW, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=0,
    )).eval())
    styles = ["studio light", "film grain", "watercolor, soft edges", "ink drawing"]
    scene = "a cat playing with a ball in the forest, tall trees, morning fog, deep focus"
    single = guidance_pair(encoder, [scene], ["blurry, low quality"])
    print("one image  ", tuple(single.shape))
    batch = guidance_pair(encoder, [f"{scene}, {style}" for style in styles], ["blurry, low quality"] * len(styles))
    print("four images", tuple(batch.shape))
