"""A picture question model: the patches of a CLIP tower take the places of the image tokens."""

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

IMAGE = 3


def image_tokens(config):
    return (config.image_size // config.patch_size) ** 2


class PictureLM(nn.Module):
    def __init__(self, vision, text):
        super().__init__()
        self.tower = CLIPVisionModel(vision)
        self.lm = LlamaForCausalLM(text)
        self.project = nn.Linear(vision.hidden_size, text.hidden_size)

    def features(self, pixels):
        states = self.tower(pixels).last_hidden_state
        return self.project(states)

    def forward(self, ids, pixels):
        embeds = self.lm.get_input_embeddings()(ids)
        features = self.features(pixels).flatten(0, 1)
        embeds = embeds.index_put((ids == IMAGE,), features)
        return self.lm(inputs_embeds=embeds).logits


class Processor:
    def __init__(self, config):
        self.per_image = image_tokens(config)
        self.size = config.image_size

    def __call__(self, questions):
        ids = [[1] + [IMAGE] * self.per_image + q for q in questions]
        pixels = torch.randn(len(questions), 3, self.size, self.size)
        return {"ids": torch.tensor(ids), "pixels": pixels}


if __name__ == "__main__":
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, image_size=32, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=64,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=4,
    )
    model = PictureLM(vision, text).eval()
    batch = Processor(vision)([[10, 11, 12], [13, 14, 15]])
    with torch.no_grad():
        print("answers start with", model(**batch)[:, -1].argmax(-1).tolist())
