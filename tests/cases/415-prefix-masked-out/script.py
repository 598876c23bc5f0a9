"""Train learned key/value prefixes for a frozen decoder."""
import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

PAD = 0


class PrefixEncoder(nn.Module):
    def __init__(self, config, length):
        super().__init__()
        self.length, self.layers = length, config.num_hidden_layers
        self.heads = config.num_key_value_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.table = nn.Parameter(torch.randn(self.layers, 2, self.heads, length, self.head_dim))

    def cache(self, rows, config):
        cache = DynamicCache(config=config)
        for index, (key, value) in enumerate(self.table):
            cache.update(key.expand(rows, -1, -1, -1), value.expand(rows, -1, -1, -1), index)
        return cache


class PrefixModel(nn.Module):
    def __init__(self, base, length=6):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.prefix = PrefixEncoder(base.config, length)

    def extend_mask(self, attention_mask):
        rows = attention_mask.size(0)
        prefix_mask = attention_mask.new_zeros(rows, self.prefix.length)
        return torch.cat([prefix_mask, attention_mask], dim=1)

    def forward(self, input_ids, attention_mask, labels):
        return self.base(
            input_ids=input_ids,
            attention_mask=self.extend_mask(attention_mask),
            past_key_values=self.prefix.cache(input_ids.size(0), self.base.config),
            labels=labels,
        )


def make_batches(count, rows=4):
    gen = torch.Generator().manual_seed(12)
    for _ in range(count):
        lengths = torch.randint(5, 12, (rows,), generator=gen)
        ids = torch.randint(1, 50, (rows, int(lengths.max())), generator=gen)
        ids[:, 1::2] = 7
        mask = (torch.arange(ids.size(1)) < lengths[:, None]).long()
        ids = ids.masked_fill(mask == 0, PAD)
        yield {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}


def main():
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2, pad_token_id=PAD,
    ))
    model = PrefixModel(base)
    optimizer = torch.optim.Adam([model.prefix.table], lr=0.1)
    for step, batch in enumerate(make_batches(40)):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            print(f"step {step + 1} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
