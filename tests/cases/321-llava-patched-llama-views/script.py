import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

IGNORE = -100


def memory_efficient_attention(q, k, v, causal=True):
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.size(-1))
    if causal:
        n = q.size(1)
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v)


def split_heads(states, num_heads, head_dim):
    return states.view(*states.shape[:2], num_heads, head_dim)


def xformers_forward(self, hidden_states, position_embeddings=None, attention_mask=None, past_key_values=None, **kwargs):
    bsz, q_len, _ = hidden_states.size()
    num_heads, head_dim = self.config.num_attention_heads, self.head_dim
    query_states = split_heads(self.q_proj(hidden_states), num_heads, head_dim)
    key_states = split_heads(self.k_proj(hidden_states), num_heads, head_dim)
    value_states = split_heads(self.v_proj(hidden_states), num_heads, head_dim)
    cos, sin = position_embeddings
    query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin, unsqueeze_dim=2)
    out = memory_efficient_attention(query_states, key_states, value_states)
    return self.o_proj(out.reshape(bsz, q_len, num_heads * head_dim)), None


def replace_llama_attn_with_xformers_attn():
    modeling_llama.LlamaAttention.forward = xformers_forward


@dataclass
class ModelArguments:
    hidden_size: int = 64
    heads: int = 8
    kv_heads: int = 2
    vision_dim: int = 20
    vocab: int = 96


class LlavaModel(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.llm = LlamaForCausalLM(LlamaConfig(
            vocab_size=args.vocab, hidden_size=args.hidden_size, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=args.heads, num_key_value_heads=args.kv_heads, max_position_embeddings=128,
        ))
        self.mm_projector = nn.Sequential(nn.Linear(args.vision_dim, args.hidden_size), nn.GELU(), nn.Linear(args.hidden_size, args.hidden_size))

    def forward(self, images, input_ids):
        vision = self.mm_projector(images)
        embeds = torch.cat([vision, self.llm.get_input_embeddings()(input_ids)], dim=1)
        labels = torch.cat([input_ids.new_full(vision.shape[:2], IGNORE), input_ids], dim=1)
        return self.llm(inputs_embeds=embeds, labels=labels, use_cache=False).loss


def train(args, steps=3):
    torch.manual_seed(0)
    model = LlavaModel(args)
    opt = torch.optim.AdamW(model.mm_projector.parameters(), lr=1e-3)
    for step in range(steps):
        loss = model(torch.randn(2, 9, args.vision_dim), torch.randint(0, args.vocab, (2, 7)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    replace_llama_attn_with_xformers_attn()
    print("projector pretraining")
    train(ModelArguments())
