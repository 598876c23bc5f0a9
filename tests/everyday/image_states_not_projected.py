"""Search a photo album by text with a tiny CLIP."""

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel


def tiny_clip():
    torch.manual_seed(0)
    return CLIPModel(
        CLIPConfig(
            text_config=dict(
                vocab_size=60,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=16,
                bos_token_id=0,
                eos_token_id=1,
            ),
            vision_config=dict(
                hidden_size=48,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=32,
                patch_size=8,
            ),
            projection_dim=32,
        )
    ).eval()


class Album:
    def __init__(self, clip):
        self.clip = clip
        self.names, self.vectors = [], []

    @torch.no_grad()
    def image_vectors(self, images):
        states = self.clip.vision_model(pixel_values=images).pooler_output
        return F.normalize(states, dim=-1)

    @torch.no_grad()
    def text_vector(self, ids):
        pooled = self.clip.text_model(input_ids=torch.tensor([ids])).pooler_output
        return F.normalize(self.clip.text_projection(pooled), dim=-1)

    def add(self, names, images):
        self.names += names
        self.vectors.append(self.image_vectors(images))

    def search(self, ids, top=2):
        index = torch.cat(self.vectors)
        scores = (self.text_vector(ids) @ index.t()).squeeze(0)
        best = scores.topk(top)
        return [(self.names[i], round(s, 3)) for i, s in zip(best.indices.tolist(), best.values.tolist())]


if __name__ == "__main__":
    album = Album(tiny_clip())
    gen = torch.Generator().manual_seed(3)
    for day in ("mon", "tue"):
        album.add([f"{day}-{k}" for k in range(3)], torch.rand(3, 3, 32, 32, generator=gen))
    print(album.search([0, 12, 33, 7, 1]))
