"""Export a Hugging Face Llama to the flat float file that the small C runtime reads."""
import io
import struct
from dataclasses import astuple, dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass
class ModelArgs:
    dim: int
    hidden_dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    vocab_size: int
    max_seq_len: int

    @classmethod
    def from_hf(cls, config):
        return cls(
            config.hidden_size, config.intermediate_size, config.num_hidden_layers, config.num_attention_heads,
            config.num_key_value_heads, config.vocab_size, config.max_position_embeddings,
        )


def load_hf_weights(model, args):
    hf_dict = model.state_dict()

    def permute_reverse(w, n_heads=args.n_heads, dim1=args.dim, dim2=args.dim):
        return w.view(n_heads, 2, dim1 // n_heads // 2, dim2).transpose(1, 2).reshape(dim1, dim2)

    weights = {"tok_embeddings": hf_dict["model.embed_tokens.weight"], "norm": hf_dict["model.norm.weight"]}
    for i in range(args.n_layers):
        src = f"model.layers.{i}."
        weights[f"{i}.attention_norm"] = hf_dict[src + "input_layernorm.weight"]
        weights[f"{i}.wq"] = permute_reverse(hf_dict[src + "self_attn.q_proj.weight"])
        weights[f"{i}.wk"] = permute_reverse(
            hf_dict[src + "self_attn.k_proj.weight"], args.n_kv_heads, args.dim * args.n_kv_heads // args.n_heads,
        )
        weights[f"{i}.wv"] = hf_dict[src + "self_attn.v_proj.weight"]
        weights[f"{i}.wo"] = hf_dict[src + "self_attn.o_proj.weight"]
        weights[f"{i}.ffn_norm"] = hf_dict[src + "post_attention_layernorm.weight"]
        for name, key in (("w1", "gate_proj"), ("w2", "down_proj"), ("w3", "up_proj")):
            weights[f"{i}.{name}"] = hf_dict[f"{src}mlp.{key}.weight"]
    weights["output"] = hf_dict["lm_head.weight"]
    return weights


def serialize(out, tensor):
    flat = tensor.detach().flatten().float().tolist()
    out.write(struct.pack(f"{len(flat)}f", *flat))


def export(model):
    args = ModelArgs.from_hf(model.config)
    out = io.BytesIO()
    out.write(struct.pack("7i", *astuple(args)))
    for tensor in load_hf_weights(model, args).values():
        serialize(out, tensor)
    return args, out.getvalue()


if __name__ == "__main__":
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=48, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    )
    args, blob = export(LlamaForCausalLM(config))
    print(args)
    print("bytes", len(blob))
