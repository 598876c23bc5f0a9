"""Perplexity of token windows; long windows go through the model in pieces to keep activations small."""
import math

import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM


def extend(result, part, axis=-1):
    return part if result is None else torch.cat((result, part), dim=axis)


class PieceRunner:
    def __init__(self, model, max_input_len):
        self.model = model
        self.max_input_len = max_input_len

    @torch.no_grad()
    def logits(self, ids, last_id_only=True):
        result, cache = None, None
        pieces = ids.split(self.max_input_len, dim=1)
        for i, piece in enumerate(pieces):
            out = self.model(piece, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            if last_id_only:
                if i == len(pieces) - 1:
                    result = out.logits[:, -1:]
            else:
                result = extend(result, out.logits)
        return result


def windows(tokens, size, stride):
    start = 0
    while start < len(tokens) - 1:
        yield tokens[start:start + size].unsqueeze(0)
        start += stride


def perplexity(runner, tokens, size):
    total, count = 0.0, 0
    for window in windows(tokens, size, stride=size):
        logits = runner.logits(window[:, :-1], last_id_only=False)
        total += F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten(), reduction="sum").item()
        count += window.size(1) - 1
    return math.exp(total / count)


if __name__ == "__main__":
    torch.manual_seed(11)
    llama = LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256,
    )).eval()
    text = torch.randint(0, 90, (150,))
    runner = PieceRunner(llama, max_input_len=32)
    print("next token", runner.logits(text[:70].unsqueeze(0)).argmax(-1).item())
    for size in (16, 33, 50):
        print(f"window {size:>3}  ppl {perplexity(runner, text, size):.2f}")
