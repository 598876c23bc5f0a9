"""Turn grouped-query attention into multi-head latent attention: cache one latent, rebuild all heads from it."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb, eager_attention_forward


class LatentAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.num_heads = config.num_attention_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.num_key_value_groups = 1
        self.scaling = self.head_dim ** -0.5
        self.is_causal = True
        rank = 2 * config.num_key_value_heads * self.head_dim
        inner = self.num_heads * self.head_dim
        self.q_proj = nn.Linear(config.hidden_size, inner, bias=False)
        self.kv_down = nn.Linear(config.hidden_size, rank, bias=False)
        self.k_up = nn.Linear(rank, inner, bias=False)
        self.v_up = nn.Linear(rank, inner, bias=False)
        self.o_proj = nn.Linear(inner, config.hidden_size, bias=False)

    def split_heads(self, x):
        return x.view(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)

    def forward(self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        batch, length, _ = hidden_states.shape
        latent = self.kv_down(hidden_states)
        query = self.split_heads(self.q_proj(hidden_states))
        key, value = self.split_heads(self.k_up(latent)), self.split_heads(self.v_up(latent))
        query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        output, weights = attend(self, query, key, value, attention_mask, scaling=self.scaling, dropout=0.0, **kwargs)
        return self.o_proj(output.reshape(batch, length, -1)), weights


@torch.no_grad()
def absorb(old, new):
    """Copy the weights; every query head picks the block of the latent that its group used."""
    new.q_proj.weight.copy_(old.q_proj.weight)
    new.o_proj.weight.copy_(old.o_proj.weight)
    new.kv_down.weight.copy_(torch.cat([old.k_proj.weight, old.v_proj.weight]))
    half, dim = old.k_proj.weight.size(0), new.head_dim
    for up, offset in ((new.k_up.weight, 0), (new.v_up.weight, half)):
        up.zero_()
        for head in range(new.num_heads):
            column = offset + head // old.num_key_value_groups * dim
            up[head * dim:(head + 1) * dim, column:column + dim] = torch.eye(dim)


def convert(model):
    for index, layer in enumerate(model.model.layers):
        latent = LatentAttention(model.config, index)
        absorb(layer.self_attn, latent)
        layer.self_attn = latent
    return model.eval()


@torch.no_grad()
def perplexity(model, ids):
    return model(ids, labels=ids).loss.exp().item()


torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=90, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=8,
    num_key_value_heads=2, max_position_embeddings=64, attn_implementation="eager",
)
model = LlamaForCausalLM(config).eval()
text = torch.randint(0, 90, (2, 24))
print("grouped queries  ppl %.3f" % perplexity(model, text))
print("latent attention ppl %.3f" % perplexity(convert(model), text))
