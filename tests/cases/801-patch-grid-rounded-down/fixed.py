"""A small picture-and-text model: patches of any picture size are put where the prompt has image tokens."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

IMAGE_ID, PATCH = 3, 14


class VisionTower(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, picture):
        height, width = picture.shape[-2:]
        picture = F.pad(picture, (0, -width % PATCH, 0, -height % PATCH))
        return self.mlp(self.embed(picture.unsqueeze(0)).flatten(2).transpose(1, 2)[0])


class PromptBuilder:
    def __init__(self, bos=1):
        self.bos = bos

    def image_tokens(self, size):
        height, width = size
        return -(-height // PATCH) * -(-width // PATCH)

    def __call__(self, question, pictures):
        ids = [self.bos]
        for picture in pictures:
            ids += [IMAGE_ID] * self.image_tokens(picture.shape[-2:])
        return torch.tensor([ids + question])


class PictureChat(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.vision = VisionTower(width)
        self.lm = LlamaForCausalLM(LlamaConfig(
            vocab_size=64, hidden_size=width, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256,
        ))

    def forward(self, ids, pictures):
        embeds = self.lm.get_input_embeddings()(ids)
        features = torch.cat([self.vision(picture) for picture in pictures])
        embeds[ids == IMAGE_ID] = features
        return self.lm(inputs_embeds=embeds).logits


@torch.no_grad()
def ask(model, builder, question, pictures):
    ids = builder(question, pictures)
    return ids.size(1), model(ids, pictures)[0, -1].argmax().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model, builder = PictureChat().eval(), PromptBuilder()
    for size in [(56, 42), (84, 84), (61, 84)]:
        length, token = ask(model, builder, [20, 21, 22, 23], [torch.rand(3, *size)])
        print("picture", size, "prompt length", length, "next token", token)
