"""Fine-tune llama models with a memory-saving attention that replaces the library's forward."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv

CHUNK = 8


def chunked_attention(q, k, v, scale):
    """Work through the queries piece by piece so that only a slice of the scores is alive."""
    length = q.size(2)
    outputs = []
    for start in range(0, length, CHUNK):
        piece = q[:, :, start:start + CHUNK]
        scores = torch.einsum("bhqd,bhkd->bhqk", piece, k) * scale
        future = torch.arange(length) > torch.arange(start, start + piece.size(2)).unsqueeze(1)
        weights = scores.masked_fill(future, float("-inf")).softmax(-1)
        outputs.append(torch.einsum("bhqk,bhkd->bhqd", weights, v))
    return torch.cat(outputs, dim=2)


def forward(self, hidden_states, position_embeddings=None, attention_mask=None, past_key_values=None, **kwargs):
    bsz, q_len, _ = hidden_states.size()
    shape = (bsz, q_len, -1, self.head_dim)
    query_states = self.q_proj(hidden_states).view(shape).transpose(1, 2)
    key_states = self.k_proj(hidden_states).view(shape).transpose(1, 2)
    value_states = self.v_proj(hidden_states).view(shape).transpose(1, 2)
    cos, sin = position_embeddings
    query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin)
    key_states = repeat_kv(key_states, self.num_key_value_groups)
    value_states = repeat_kv(value_states, self.num_key_value_groups)
    attn_output = chunked_attention(query_states, key_states, value_states, self.scaling)
    attn_output = attn_output.transpose(1, 2).reshape(bsz, q_len, -1)
    return self.o_proj(attn_output), None


def replace_llama_attn():
    modeling_llama.LlamaAttention.forward = forward


SIZES = {
    "7b": dict(hidden_size=32, num_attention_heads=4, num_key_value_heads=4),
    "70b": dict(hidden_size=48, num_attention_heads=6, num_key_value_heads=2),
}


def finetune(name, steps=2):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=64, intermediate_size=64, num_hidden_layers=2, max_position_embeddings=64, **SIZES[name]
    ))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(steps):
        ids = torch.randint(0, 64, (2, 20))
        loss = model(ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"{name:>4} step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    replace_llama_attn()
    for name in SIZES:
        finetune(name)
