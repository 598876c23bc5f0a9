"""Finetuning with a replaced attention forward, as in the memory-efficient training recipe."""
import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb


def to_heads(states, heads, head_dim):
    rows, length, _ = states.shape
    return states.view(rows, length, heads, head_dim).transpose(1, 2)


def forward(self, hidden_states, position_embeddings=None, attention_mask=None, past_key_values=None, **kwargs):
    rows, length, _ = hidden_states.shape
    heads = self.config.num_attention_heads
    query = to_heads(self.q_proj(hidden_states), heads, self.head_dim)
    key = to_heads(self.k_proj(hidden_states), heads, self.head_dim)
    value = to_heads(self.v_proj(hidden_states), heads, self.head_dim)
    query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
    output = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return self.o_proj(output.transpose(1, 2).reshape(rows, length, -1)), None


def replace_llama_attn():
    modeling_llama.LlamaAttention.forward = forward


PRESETS = {
    "7b": dict(hidden_size=32, num_attention_heads=4, num_key_value_heads=4),
    "34b": dict(hidden_size=64, num_attention_heads=8, num_key_value_heads=2),
}


def train(preset, steps=3):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=90, intermediate_size=96, num_hidden_layers=2, max_position_embeddings=64, use_cache=False,
        **PRESETS[preset],
    ))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    batch = torch.randint(0, 90, (4, 20))
    for _ in range(steps):
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


if __name__ == "__main__":
    replace_llama_attn()
    for preset in PRESETS:
        print(f"{preset:<4} loss {train(preset):.4f}")
