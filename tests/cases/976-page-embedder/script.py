"""Embed page images and questions with a tiny Qwen2-VL and match them by cosine similarity."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import Qwen2VLConfig, Qwen2VLModel

IMAGE, START, END, PAD = 90, 91, 92, 0


@dataclass
class DataArguments:
    max_len: int = 16
    batch_size: int = 2
    image_side: int = 56


class Processor:
    """Turns (image, words) into what Qwen2-VL wants."""

    def __init__(self, patch_size=4, merge_size=2, temporal=2):
        self.patch, self.merge, self.temporal = patch_size, merge_size, temporal

    def patches(self, image):
        side = image.size(-1) // self.patch
        return image.repeat(self.temporal, 1, 1).view(-1, side * side).t(), [1, side, side]

    def __call__(self, image, words, max_length):
        pixels, grid = self.patches(image)
        n_tokens = grid[1] * grid[2] // self.merge ** 2
        ids = [START] + [IMAGE] * n_tokens + [END] + words
        return ids[:max_length], pixels, grid


class Collator:
    def __init__(self, processor, args):
        self.processor, self.args = processor, args

    def __call__(self, examples):
        rows = [self.processor(image, words, self.args.max_len) for image, words in examples]
        width = max(len(ids) for ids, _, _ in rows)
        input_ids = torch.tensor([[PAD] * (width - len(ids)) + ids for ids, _, _ in rows])
        return {
            "input_ids": input_ids,
            "attention_mask": (input_ids != PAD).long(),
            "mm_token_type_ids": (input_ids == IMAGE).int(),
            "pixel_values": torch.cat([pixels for _, pixels, _ in rows]),
            "image_grid_thw": torch.tensor([grid for _, _, grid in rows]),
        }


def load_model():
    return Qwen2VLModel(Qwen2VLConfig(
        text_config=dict(vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, bos_token_id=1, eos_token_id=2,
                         rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}),
        vision_config=dict(depth=1, embed_dim=32, hidden_size=32, num_heads=4, patch_size=4, in_channels=3),
        image_token_id=IMAGE, vision_start_token_id=START, vision_end_token_id=END, video_token_id=93)).eval()


@torch.no_grad()
def encode(model, loader):
    pooled = [model(**batch).last_hidden_state[:, -1] for batch in loader]
    return F.normalize(torch.cat(pooled), dim=-1)


torch.manual_seed(0)
args, model = DataArguments(), load_model()
pages = [(torch.rand(3, args.image_side, args.image_side), torch.randint(3, 90, (6,)).tolist()) for _ in range(4)]
embeddings = encode(model, DataLoader(pages, args.batch_size, collate_fn=Collator(Processor(), args)))
print((embeddings @ embeddings.t()).round(decimals=2).tolist())
