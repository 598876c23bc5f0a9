"""Warm up the projector of a LLaVA whose vision tower can be chosen."""
from dataclasses import dataclass, field

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

IMAGE_ID, PAD_ID = 3, 0
WORDS = {w: i + 4 for i, w in enumerate("USER ASSISTANT what is shown here a small red boat two birds".split())}


@dataclass
class TowerPreset:
    config_class: type
    image_size: int = 24
    patch_size: int = 8
    extra: dict = field(default_factory=dict)

    @property
    def grid(self):
        return self.image_size // self.patch_size

    def build(self):
        return self.config_class(
            hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            image_size=self.image_size, patch_size=self.patch_size, **self.extra,
        )


TOWERS = {
    "clip": TowerPreset(CLIPVisionConfig),
    "siglip": TowerPreset(SiglipVisionConfig, image_size=32, extra={"vision_use_head": False}),
}


@dataclass
class RunConfig:
    tower: str = "siglip"
    feature_select: str = "default"
    lr: float = 2e-3
    epochs: int = 2


class Processor:
    def __init__(self, preset):
        self.preset = preset

    def expand(self, text):
        ids = []
        for piece in text.split():
            ids += [IMAGE_ID] * self.preset.grid ** 2 if piece == "<image>" else [WORDS[piece]]
        return ids

    def __call__(self, conversations):
        rows = [self.expand(text) for text in conversations]
        width = max(map(len, rows))
        input_ids = torch.tensor([row + [PAD_ID] * (width - len(row)) for row in rows])
        pixels = torch.randn(len(rows), 3, self.preset.image_size, self.preset.image_size)
        labels = input_ids.masked_fill((input_ids == PAD_ID) | (input_ids == IMAGE_ID), -100)
        return {"input_ids": input_ids, "attention_mask": (input_ids != PAD_ID).long(), "pixel_values": pixels,
                "labels": labels}


def build_model(run, preset):
    text = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, pad_token_id=PAD_ID,
    )
    model = LlavaForConditionalGeneration(LlavaConfig(
        vision_config=preset.build(), text_config=text, image_token_index=IMAGE_ID,
        vision_feature_layer=-2, vision_feature_select_strategy=run.feature_select,
    ))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "multi_modal_projector" in name
    return model


def train(run, conversations):
    torch.manual_seed(0)
    preset = TOWERS[run.tower]
    processor, model = Processor(preset), build_model(run, preset)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=run.lr)
    for epoch in range(run.epochs):
        loss = model(**processor(conversations)).loss
        loss.backward()
        optimizer.step()
        print(f"{run.tower} epoch {epoch} loss {loss.item():.3f}")


if __name__ == "__main__":
    train(RunConfig(), ["USER <image> what is shown here ASSISTANT a small red boat", "USER <image> what is here ASSISTANT two birds"])
