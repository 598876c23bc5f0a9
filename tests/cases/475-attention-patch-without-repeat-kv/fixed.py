"""Long-document prediction with a lighter attention put into the Llama layers."""
import math
import types

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, repeat_kv

MODELS = {
    "llama2-7b-chat-4k": dict(num_attention_heads=4, num_key_value_heads=4),
    "longchat-v1.5": dict(num_attention_heads=8, num_key_value_heads=8),
    "llama2-70b-chat-4k": dict(num_attention_heads=8, num_key_value_heads=2),
}
DATASETS = {"qasper": 40, "gov_report": 64}


def blockwise_attention(query, key, value, scaling, block=16):
    length = query.shape[2]
    positions = torch.arange(length)
    blocks = []
    for start in range(0, length, block):
        q = query[:, :, start:start + block]
        scores = torch.matmul(q, key.transpose(2, 3)) * scaling
        hidden = positions[None, :] > positions[start:start + block, None]
        weights = scores.masked_fill(hidden, -math.inf).softmax(-1)
        blocks.append(torch.matmul(weights, value))
    return torch.cat(blocks, dim=2)


def forward(self, hidden_states, position_embeddings=None, attention_mask=None, past_key_values=None, **kwargs):
    batch, length, _ = hidden_states.shape
    shape = (batch, length, -1, self.head_dim)
    query = self.q_proj(hidden_states).view(shape).transpose(1, 2)
    key = self.k_proj(hidden_states).view(shape).transpose(1, 2)
    value = self.v_proj(hidden_states).view(shape).transpose(1, 2)
    query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
    key, value = repeat_kv(key, self.num_key_value_groups), repeat_kv(value, self.num_key_value_groups)
    output = blockwise_attention(query, key, value, self.scaling)
    return self.o_proj(output.transpose(1, 2).reshape(batch, length, -1)), None


def replace_llama_attn(model):
    for layer in model.model.layers:
        layer.self_attn.forward = types.MethodType(forward, layer.self_attn)
    return model


def load_model(name):
    torch.manual_seed(13)
    config = LlamaConfig(vocab_size=100, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                         max_position_embeddings=256, **MODELS[name])
    return replace_llama_attn(LlamaForCausalLM(config).eval())


@torch.no_grad()
def get_pred(model, length):
    document = torch.randint(0, 100, (1, length), generator=torch.Generator().manual_seed(length))
    return model(document, use_cache=False).logits[0, -1].topk(3).indices.tolist()


if __name__ == "__main__":
    for name in MODELS:
        model = load_model(name)
        for dataset, length in DATASETS.items():
            print(name, dataset, get_pred(model, length))
