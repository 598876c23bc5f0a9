"""Contrastive decoding: the clean input against the same input with noise on the first embeddings."""
import torch
from torch import nn
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

IMAGE_TOKENS = 5


def load_model():
    torch.manual_seed(3)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=70, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
        pad_token_id=1,
    )).eval()


def distort(embeds, strength):
    noisy = embeds.clone()
    noise = torch.randn(noisy[:, :IMAGE_TOKENS].shape, generator=torch.Generator().manual_seed(8))
    noisy[:, :IMAGE_TOKENS] = (1 - strength) * noisy[:, :IMAGE_TOKENS] + strength * noise
    return noisy


class ContrastiveSampler:
    def __init__(self, model, alpha=1.0, beta=0.1):
        self.model, self.alpha, self.beta = model, alpha, beta

    def forward(self, model_kwargs, inputs):
        out = self.model(**inputs, **model_kwargs)
        return out.logits[:, -1]

    def combine(self, clean, noisy):
        cutoff = clean.max(-1, keepdim=True).values + torch.tensor(self.beta).log()
        mixed = (1 + self.alpha) * clean - self.alpha * noisy
        return mixed.masked_fill(clean < cutoff, float("-inf"))

    @torch.no_grad()
    def sample(self, embeds, noisy_embeds, steps):
        model_kwargs = {"past_key_values": DynamicCache(config=self.model.config), "use_cache": True}
        model_kwargs_cd = model_kwargs.copy()
        inputs, inputs_cd = {"inputs_embeds": embeds}, {"inputs_embeds": noisy_embeds}
        produced = []
        for _ in range(steps):
            clean = self.forward(model_kwargs, inputs)
            noisy = self.forward(model_kwargs_cd, inputs_cd)
            token = self.combine(clean, noisy).argmax(-1, keepdim=True)
            inputs = inputs_cd = {"input_ids": token}
            produced.append(token)
        return torch.cat(produced, dim=1)


def main():
    model = load_model()
    table = model.get_input_embeddings()
    image = torch.randn(1, IMAGE_TOKENS, 48, generator=torch.Generator().manual_seed(1))
    for question in ([12, 40, 7], [33, 9, 9, 61], [5]):
        text = table(torch.tensor([question])).detach()
        embeds = torch.cat([image, text], dim=1)
        tokens = ContrastiveSampler(model).sample(embeds, distort(embeds, 0.8), steps=8)
        print(question, "->", tokens[0].tolist())


if __name__ == "__main__":
    main()
