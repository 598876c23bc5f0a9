"""Greedy generation for a list of token prompts with a GPT-2 bridge, one cached step at a time."""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

PAD = 0


def left_pad(prompts):
    width = max(len(p) for p in prompts)
    tokens = torch.full((len(prompts), width), PAD)
    mask = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt):] = torch.tensor(prompt)
        mask[row, width - len(prompt):] = 1
    return tokens, mask


class Bridge:
    def __init__(self):
        torch.manual_seed(3)
        self.original = GPT2LMHeadModel(GPT2Config(
            vocab_size=60, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.5,
            bos_token_id=1, eos_token_id=1, pad_token_id=PAD,
        )).eval()

    def prefill(self, tokens, mask):
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return self.original(tokens, attention_mask=mask, position_ids=positions, use_cache=True)

    def advance(self, token, mask, cache):
        total_len = mask.size(1)
        positions = torch.full((token.size(0), 1), total_len - 1)
        return self.original(
            token, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )

    @torch.no_grad()
    def generate(self, tokens, mask, max_new_tokens):
        out = self.prefill(tokens, mask)
        produced = []
        for _ in range(max_new_tokens):
            token = out.logits[:, -1].argmax(-1, keepdim=True)
            produced.append(token)
            mask = torch.cat([mask, mask.new_ones(token.size(0), 1)], dim=1)
            out = self.advance(token, mask, out.past_key_values)
        return torch.cat(produced, dim=1)


def main():
    bridge = Bridge()
    prompts = [
        [12, 45, 8, 30, 22, 51, 19],
        [40, 7, 33],
        [25, 56, 14, 9, 48],
    ]
    tokens, mask = left_pad(prompts)
    for prompt, answer in zip(prompts, bridge.generate(tokens, mask, max_new_tokens=6).tolist()):
        print(prompt, "->", answer)


if __name__ == "__main__":
    main()
