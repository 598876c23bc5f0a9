"""Yes/no helpdesk: the long instruction is run once, every question continues from its cache."""
import copy

import torch
from transformers import DynamicCache, MistralConfig, MistralForCausalLM

PAD = 0
YES, NO = 5, 6


def load():
    torch.manual_seed(3)
    return MistralForCausalLM(MistralConfig(
        vocab_size=80, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=128, sliding_window=None, pad_token_id=PAD,
    )).eval()


def pad_right(rows):
    width = max(map(len, rows))
    ids = torch.tensor([r + [PAD] * (width - len(r)) for r in rows])
    return ids, (ids != PAD).long()


class Helpdesk:
    def __init__(self, model, instruction):
        self.model = model
        self.prefix_len = len(instruction)
        self.prefix = self._warm_up(torch.tensor([instruction]))

    @torch.no_grad()
    def _warm_up(self, ids):
        cache = DynamicCache(config=self.model.config)
        self.model(ids, past_key_values=cache)
        return cache

    def fresh_cache(self):
        return copy.deepcopy(self.prefix)

    @torch.no_grad()
    def ask(self, questions):
        ids, mask = pad_right(questions)
        full_mask = torch.cat([mask.new_ones(len(questions), self.prefix_len), mask], dim=1)
        cache = self.fresh_cache()
        cache.batch_repeat_interleave(len(questions))
        logits = self.model(ids, attention_mask=full_mask, past_key_values=cache).logits
        last = logits[torch.arange(len(questions)), mask.sum(1) - 1]
        return ["yes" if row[YES] > row[NO] else "no" for row in last]


def in_batches(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]


if __name__ == "__main__":
    desk = Helpdesk(load(), instruction=list(range(10, 31)))
    print("first", desk.ask([[40, 41, 42]]))
    inbox = [[43, 44], [45, 46, 47, 48], [50], [51, 52, 53], [54, 55], [56, 57, 58, 59, 60]]
    for group in in_batches(inbox, 3):
        print("group", desk.ask(group))
