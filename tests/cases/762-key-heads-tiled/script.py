"""Run the weights of a grouped-query checkpoint in a plain attention module and compare the two."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb


def checkpoint(kv_heads):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=kv_heads, max_position_embeddings=64, initializer_range=0.2,
    )).eval()


class PlainAttention(nn.Module):
    def __init__(self, source):
        super().__init__()
        config = source.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.q_proj, self.k_proj = source.q_proj, source.k_proj
        self.v_proj, self.o_proj = source.v_proj, source.o_proj

    def widen(self, states):
        return states.repeat(1, self.heads // self.kv_heads, 1, 1)

    def forward(self, hidden_states, position_embeddings, **kwargs):
        b, n, _ = hidden_states.shape
        q = self.q_proj(hidden_states).view(b, n, self.heads, -1).transpose(1, 2)
        k = self.k_proj(hidden_states).view(b, n, self.kv_heads, -1).transpose(1, 2)
        v = self.v_proj(hidden_states).view(b, n, self.kv_heads, -1).transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, *position_embeddings)
        k, v = self.widen(k), self.widen(v)
        scores = q @ k.mT / q.size(-1) ** 0.5
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
        out = scores.softmax(-1) @ v
        return self.o_proj(out.transpose(1, 2).reshape(b, n, -1)), None


def port(model):
    for layer in model.model.layers:
        layer.self_attn = PlainAttention(layer.self_attn)
    return model


@torch.no_grad()
def perplexity(model, ids):
    return model(ids, labels=ids, use_cache=False).loss.exp().item()


@torch.no_grad()
def sample_text(model, start, length=10):
    ids = start
    for _ in range(length):
        ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return ids


if __name__ == "__main__":
    for kv_heads in (8, 1, 2):
        original = checkpoint(kv_heads)
        text = sample_text(original, torch.tensor([[3, 17, 42], [8, 8, 25]]))
        before = perplexity(original, text)
        print(f"kv heads {kv_heads}: original {before:9.3f} ported {perplexity(port(original), text):9.3f}")
