"""Ask a small Idefics3-style model about pictures of any size; large pictures are cut into tiles."""
import math

import torch
import torch.nn.functional as F
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, LlamaConfig
from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig

TILE, PATCH, SCALE = 32, 8, 2
WORDS = ["<pad>", "<s>", "</s>", "<image>", "<fake_token_around_image>", "what", "is", "in", "this", "picture", "?"]
IMAGE_ID = WORDS.index("<image>")


def build_model():
    torch.manual_seed(0)
    vision = Idefics3VisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        image_size=TILE, patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    config = Idefics3Config(vision_config=vision, text_config=text, image_token_id=IMAGE_ID, scale_factor=SCALE)
    return Idefics3ForConditionalGeneration(config).eval()


class Processor:
    def __init__(self):
        self.image_seq_len = (TILE // PATCH // SCALE) ** 2

    def split(self, image):
        rows, cols = (math.ceil(side / TILE) for side in image.shape[1:])
        whole = F.interpolate(image[None], size=(TILE, TILE), mode="bilinear", align_corners=False)
        if rows * cols == 1:
            return whole
        resized = F.interpolate(image[None], size=(rows * TILE, cols * TILE), mode="bilinear", align_corners=False)
        tiles = resized.unfold(2, TILE, TILE).unfold(3, TILE, TILE)
        tiles = tiles.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, TILE, TILE)
        return torch.cat([tiles, whole])

    def expand(self, prompt):
        around = WORDS.index("<fake_token_around_image>")
        ids = [WORDS.index("<s>")]
        for word in prompt.split():
            if word == "<image>":
                ids += [around] + [IMAGE_ID] * self.image_seq_len + [around]
            else:
                ids.append(WORDS.index(word))
        return torch.tensor([ids])

    def __call__(self, prompt, image):
        pixel_values = self.split(image)
        input_ids = self.expand(prompt)
        return {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "pixel_values": pixel_values.unsqueeze(0),
        }


@torch.no_grad()
def ask(model, processor, prompt, image):
    inputs = processor(prompt, image)
    logits = model(**inputs).logits
    return WORDS[logits[0, -1].argmax().item()]


def main():
    model, processor = build_model(), Processor()
    for height, width in [(30, 24), (60, 50)]:
        image = torch.rand(3, height, width)
        answer = ask(model, processor, "<image> what is in this picture ?", image)
        print(f"{height}x{width}: {answer}")


if __name__ == "__main__":
    main()
