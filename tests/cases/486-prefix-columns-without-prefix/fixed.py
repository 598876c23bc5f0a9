"""Prefix tuning of a frozen Llama: trained keys and values in front of every instruction."""
import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM


class PrefixEncoder(nn.Module):
    def __init__(self, config, length):
        super().__init__()
        self.length, self.layers = length, config.num_hidden_layers
        self.kv_heads = config.num_key_value_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.table = nn.Parameter(0.02 * torch.randn(self.layers, 2, self.kv_heads, length, self.head_dim))

    def forward(self, rows):
        cache = DynamicCache()
        for index in range(self.layers):
            keys, values = self.table[index].unsqueeze(1).expand(-1, rows, -1, -1, -1)
            cache.update(keys, values, index)
        return cache


def build_mask(attention_mask, prefix):
    rows, length = attention_mask.shape
    seen = torch.cat([attention_mask.new_ones(rows, prefix), attention_mask], dim=1).bool()
    causal = torch.ones(length, length + prefix, dtype=torch.bool).tril(prefix)
    allowed = causal[None, None] & seen[:, None, None]
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)


class PrefixModel(nn.Module):
    def __init__(self, base, prefix_length=6):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.prefix = PrefixEncoder(base.config, prefix_length)

    def forward(self, input_ids, attention_mask, labels=None):
        past = self.prefix(input_ids.size(0))
        mask = build_mask(attention_mask, self.prefix.length)
        return self.base(input_ids=input_ids, attention_mask=mask, past_key_values=past, labels=labels)


def prepare_for_training(model, cfg):
    if cfg["low_memory"]:
        model.base.config.use_cache = False
    params = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(params, lr=cfg["lr"])


def main(cfg=None):
    cfg = cfg or {"lr": 1e-2, "low_memory": True, "steps": 3, "prefix": 6}
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=80, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2,
    ))
    model = PrefixModel(base, cfg["prefix"])
    ids = torch.randint(3, 80, (4, 14))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    labels = ids.masked_fill(mask.eq(0), -100)
    print(f"before {model(ids, mask, labels).loss.item():.3f}")
    optimizer = prepare_for_training(model, cfg)
    for step in range(cfg["steps"]):
        loss = model(ids, mask, labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
