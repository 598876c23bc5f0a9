"""Generate with a trained key/value prefix in front of every question."""
import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

VIRTUAL = 3


class Prefix(nn.Module):
    def __init__(self, config, length):
        super().__init__()
        self.length = length
        head_dim = config.hidden_size // config.num_attention_heads
        self.table = nn.Parameter(
            torch.randn(config.num_hidden_layers, 2, config.num_key_value_heads, length, head_dim)
        )

    def forward(self, rows):
        layers = self.table.unsqueeze(2).expand(-1, -1, rows, -1, -1, -1)
        return DynamicCache([(keys, values) for keys, values in layers])


class PrefixModel(nn.Module):
    def __init__(self, base, length=5):
        super().__init__()
        self.base = base
        self.prefix = Prefix(base.config, length)

    @torch.no_grad()
    def answer(self, ids, num_beams=1, max_new_tokens=6):
        cache = self.prefix(ids.size(0))
        cached = ids.new_full((ids.size(0), self.prefix.length), VIRTUAL)
        prompt = torch.cat([cached, ids], dim=1)
        out = self.base.generate(
            prompt, attention_mask=torch.ones_like(prompt), past_key_values=cache, num_beams=num_beams,
            max_new_tokens=max_new_tokens, do_sample=False,
        )
        return out[:, prompt.size(1):].tolist()


def load():
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3, bos_token_id=1, eos_token_id=2,
        pad_token_id=0,
    ))
    return PrefixModel(base).eval()


if __name__ == "__main__":
    model = load()
    questions = torch.randint(4, 60, (2, 7))
    for beams in (1, 3):
        print(f"{beams} beam(s)", model.answer(questions, num_beams=beams))
