"""LoRA data pipeline for a small LLaVA: expand the image token, batch, one training step."""
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

IMAGE_ID, PAD_ID = 3, 0
WORDS = {w: i + 4 for i, w in enumerate("what is on this picture a dog cat two boats the sea answer :".split())}


class Processor:
    def __init__(self, image_size, patch_size, vision_feature_select_strategy, num_additional_image_tokens=1):
        self.image_size = image_size
        self.patch_size = patch_size
        self.vision_feature_select_strategy = vision_feature_select_strategy
        self.num_additional_image_tokens = num_additional_image_tokens

    def image_seqlen(self):
        side = self.image_size // self.patch_size
        seqlen = side * side + self.num_additional_image_tokens
        if self.vision_feature_select_strategy == "default":
            seqlen -= 1
        return seqlen

    def __call__(self, text):
        ids = []
        for word in text.split():
            ids += [IMAGE_ID] * self.image_seqlen() if word == "<image>" else [WORDS[word]]
        return ids


class Template:
    def __init__(self, processor):
        self.processor = processor

    def collate(self, samples):
        rows = [self.processor(f"<image> {s['question']} answer : {s['answer']}") for s in samples]
        width = max(map(len, rows))
        input_ids = torch.tensor([r + [PAD_ID] * (width - len(r)) for r in rows])
        mask = (input_ids != PAD_ID).long()
        labels = input_ids.masked_fill((mask == 0) | (input_ids == IMAGE_ID), -100)
        pixels = torch.stack([s["image"] for s in samples])
        return {"input_ids": input_ids, "attention_mask": mask, "labels": labels, "pixel_values": pixels}


def build_model():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=48, patch_size=12
    )
    text = LlamaConfig(
        vocab_size=32, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128, pad_token_id=PAD_ID,
    )
    return LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE_ID, vision_feature_select_strategy="default",
    ))


def main():
    torch.manual_seed(0)
    model = build_model()
    vision = model.config.vision_config
    template = Template(Processor(vision.image_size, vision.patch_size, model.config.vision_feature_select_strategy))
    samples = [
        {"image": torch.rand(3, 48, 48), "question": "what is on this picture", "answer": "a dog"},
        {"image": torch.rand(3, 48, 48), "question": "what is this", "answer": "two boats on the sea"},
    ]
    batch = template.collate(samples)
    print("input_ids", tuple(batch["input_ids"].shape))
    loss = model(**batch).loss
    loss.backward()
    print("loss", round(loss.item(), 3))


if __name__ == "__main__":
    main()
