"""Convert a fused-QKV checkpoint to the Llama layout."""

import re

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(0)

config = LlamaConfig(
    vocab_size=96,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=8,
    num_key_value_heads=2,
    max_position_embeddings=64,
    tie_word_embeddings=False,
)

RENAME = [
    (r"^tok_embeddings\.", "model.embed_tokens."),
    (r"^output\.", "lm_head."),
    (r"^norm\.", "model.norm."),
    (r"^layers\.(\d+)\.attention\.wo\.", r"model.layers.\1.self_attn.o_proj."),
    (r"^layers\.(\d+)\.feed_forward\.w1\.", r"model.layers.\1.mlp.gate_proj."),
    (r"^layers\.(\d+)\.feed_forward\.w2\.", r"model.layers.\1.mlp.down_proj."),
    (r"^layers\.(\d+)\.feed_forward\.w3\.", r"model.layers.\1.mlp.up_proj."),
    (r"^layers\.(\d+)\.attention_norm\.", r"model.layers.\1.input_layernorm."),
    (r"^layers\.(\d+)\.ffn_norm\.", r"model.layers.\1.post_attention_layernorm."),
]


def fake_source():
    d, ff, kv = 64, 128, 2 * 8
    sd = {
        "tok_embeddings.weight": torch.randn(96, d),
        "output.weight": torch.randn(96, d),
        "norm.weight": torch.ones(d),
    }
    shapes = {
        "attention.wqkv": (d + 2 * kv, d),
        "attention.wo": (d, d),
        "feed_forward.w1": (ff, d),
        "feed_forward.w2": (d, ff),
        "feed_forward.w3": (ff, d),
        "attention_norm": (d,),
        "ffn_norm": (d,),
    }
    for i in range(2):
        sd.update({f"layers.{i}.{k}.weight": torch.randn(*s) for k, s in shapes.items()})
    return sd


def convert(sd):
    new = {}
    for key, w in sd.items():
        if m := re.match(r"layers\.(\d+)\.attention\.wqkv\.weight", key):
            for name, part in zip("qkv", w.chunk(3, dim=0)):
                new[f"model.layers.{m[1]}.self_attn.{name}_proj.weight"] = part.contiguous()
            continue
        for pat, rep in RENAME:
            key = re.sub(pat, rep, key)
        new[key] = w
    return new


model = LlamaForCausalLM(config)
model.load_state_dict(convert(fake_source()))
print(model(torch.arange(10)[None]).logits.shape)
