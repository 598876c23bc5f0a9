"""A light draft network that continues from the keys and values of a frozen chat model."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


class DraftAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, hidden_states, kv_cache=None):
        b, n, h = hidden_states.shape
        mixed = self.query_key_value(hidden_states).view(b, n, 3, self.heads, h // self.heads)
        q, k, v = (t.transpose(1, 2) for t in mixed.unbind(2))
        if kv_cache is not None:
            cache_k, cache_v = kv_cache
            k = torch.cat((cache_k, k), dim=2)
            v = torch.cat((cache_v, v), dim=2)
        past = k.size(2) - n
        mask = torch.ones(n, past + n, dtype=torch.bool).tril(past)
        out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.dense(out.transpose(1, 2).reshape(b, n, h))


class DraftNetwork(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            DraftAttention(config.hidden_size, config.num_attention_heads) for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, ids, kv_caches=None):
        x = self.embed(ids)
        if kv_caches is None:
            kv_caches = [None] * len(self.layers)
        for layer, kv_cache in zip(self.layers, kv_caches):
            x = x + layer(x, kv_cache)
        return self.head(self.norm(x))


@torch.no_grad()
def propose(chat_model, draft, prompt, count):
    prefill = chat_model(prompt, use_cache=True)
    memory = prefill.past_key_values
    ids = prefill.logits[:, -1:].argmax(-1)
    for _ in range(count - 1):
        logits = draft(ids, kv_caches=memory)
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    return ids


def main():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64,
    )
    chat_model, draft = LlamaForCausalLM(config).eval(), DraftNetwork(config).eval()
    print("without memory", tuple(draft(torch.tensor([[5, 6]])).shape))
    prompt = torch.randint(0, config.vocab_size, (1, 9))
    print("proposed", propose(chat_model, draft, prompt, count=4).tolist())


if __name__ == "__main__":
    main()
