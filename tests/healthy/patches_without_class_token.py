"""A picture-and-text model: image features take the places of the image tokens."""

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, ViTConfig, ViTModel

IMAGE = 3
PATCHES = 4


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision = ViTModel(
            ViTConfig(
                hidden_size=24,
                num_hidden_layers=1,
                num_attention_heads=4,
                intermediate_size=48,
                image_size=8,
                patch_size=4,
                num_channels=3,
                initializer_range=0.3,
            ),
            add_pooling_layer=False,
        )
        self.project = nn.Linear(24, 32)
        self.text = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=60,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                max_position_embeddings=64,
                initializer_range=0.3,
            )
        )

    def picture(self, pixels):
        return self.project(self.vision(pixel_values=pixels).last_hidden_state[:, 1:])

    def forward(self, ids, pixels):
        embeds = self.text.get_input_embeddings()(ids)
        features = self.picture(pixels)
        places = (ids == IMAGE).unsqueeze(-1).expand_as(embeds)
        embeds = embeds.masked_scatter(places, features)
        return self.text(inputs_embeds=embeds, attention_mask=torch.ones_like(ids)).logits[:, -1]


def prompt(question):
    return [1] + [IMAGE] * PATCHES + question


@torch.no_grad()
def main():
    torch.manual_seed(6)
    model = Captioner().eval()
    pixels = torch.rand(3, 3, 8, 8)
    ids = torch.tensor([prompt([20, 21, 22]), prompt([33, 21, 5]), prompt([20, 40, 41])])
    together = model(ids, pixels)
    for i in range(len(ids)):
        alone = model(ids[i : i + 1], pixels[i : i + 1])
        print(i, "in batch", together[i].topk(3).indices.tolist(), "alone", alone[0].topk(3).indices.tolist())


main()
