"""Ask a small LLaVA style model about pictures, with the prompt expanded by a processor of our own."""
from dataclasses import dataclass

import torch
from transformers import CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration, Qwen2Config

WORDS = ["<pad>", "<s>", "</s>", "<image>", "describe", "the", "scan", "is", "there", "a", "fracture", "in", "this"]
VOCAB = {word: i for i, word in enumerate(WORDS)}


@dataclass
class PictureProcessor:
    patch_size: int
    feature_select: str = "default"
    additional_tokens: int = 0

    def tokens_for(self, picture):
        rows, columns = (side // self.patch_size for side in picture.shape[-2:])
        count = rows * columns + self.additional_tokens
        if self.feature_select == "default":
            count -= 1
        return count

    def __call__(self, prompt, picture):
        ids = [VOCAB["<s>"]]
        for word in prompt.split():
            ids += [VOCAB[word]] * (self.tokens_for(picture) if word == "<image>" else 1)
        input_ids = torch.tensor([ids])
        return {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "pixel_values": picture.unsqueeze(0),
        }


def build(patch_size, picture_size):
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        image_size=picture_size, patch_size=patch_size,
    )
    text = Qwen2Config(
        vocab_size=len(VOCAB), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=VOCAB["<image>"], vision_feature_select_strategy="default"
    )
    model = LlavaForConditionalGeneration(config).eval()
    processor = PictureProcessor(patch_size, config.vision_feature_select_strategy, additional_tokens=1)
    return model, processor


def answer(model, processor, prompt, picture, max_new_tokens=4):
    inputs = processor(prompt, picture)
    with torch.no_grad():
        out = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    return " ".join(WORDS[i] for i in out[0, inputs["input_ids"].size(1):].tolist())


if __name__ == "__main__":
    torch.manual_seed(0)
    model, processor = build(patch_size=6, picture_size=36)
    for prompt in ("<image> describe the scan", "<image> is there a fracture in this scan"):
        print(prompt, "->", answer(model, processor, prompt, torch.rand(3, 36, 36)))
