"""Answer questions about a picture; the picture's features take the place of the <image> token."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, StaticCache

IMAGE = 3


class VisionTower(nn.Module):
    def __init__(self, width, patch=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, picture):
        return self.conv(picture).flatten(2).transpose(1, 2)


class Assistant:
    def __init__(self):
        torch.manual_seed(1)
        self.config = LlamaConfig(
            vocab_size=100, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3,
        )
        self.model = LlamaForCausalLM(self.config).eval()
        self.vision = VisionTower(self.config.hidden_size).eval()

    def embed(self, ids, picture):
        words = self.model.get_input_embeddings()(ids)
        if picture is None:
            return words
        at = (ids[0] == IMAGE).nonzero().item()
        return torch.cat([words[:, :at], self.vision(picture), words[:, at + 1:]], dim=1)

    def new_cache(self, ids, max_new_tokens):
        max_length = ids.size(1) + max_new_tokens
        return StaticCache(config=self.config, max_cache_len=max_length)

    def forward(self, cache, **inputs):
        logits = self.model(past_key_values=cache, **inputs).logits
        return logits[:, -1].argmax(-1, keepdim=True)

    @torch.no_grad()
    def generate(self, ids, picture=None, max_new_tokens=6):
        embeds = self.embed(ids, picture)
        cache = self.new_cache(ids, max_new_tokens)
        answer = [self.forward(cache, inputs_embeds=embeds)]
        while len(answer) < max_new_tokens:
            answer.append(self.forward(cache, input_ids=answer[-1]))
        return torch.cat(answer, dim=1)[0].tolist()


def main():
    bot = Assistant()
    text_only = torch.tensor([[1, 40, 22, 67, 9, 31]])
    print("text ", bot.generate(text_only))
    with_picture = torch.tensor([[1, 40, IMAGE, 22, 67, 9, 31, 58, 12]])
    print("image", bot.generate(with_picture, picture=torch.rand(1, 3, 32, 32)))


if __name__ == "__main__":
    main()
