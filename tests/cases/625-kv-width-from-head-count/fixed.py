"""Turn a Hugging Face LLaMA back into the original consolidated layout (wq, wk, wv, ... with interleaved rotary pairs)."""
import json
import os
import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM

RENAME = {
    "self_attn.v_proj": "attention.wv", "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2", "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
}


def permute(w, n_heads, dim1, dim2):
    return w.view(n_heads, 2, dim1 // n_heads // 2, dim2).transpose(1, 2).reshape(dim1, dim2)


def write_model(model, params, output_dir):
    os.makedirs(output_dir, exist_ok=True)
    loaded = model.state_dict()
    dim, n_heads = params["dim"], params["n_heads"]
    if params.get("n_kv_heads"):
        n_kv_heads = params["n_kv_heads"]
        key_value_dim = dim // n_heads * n_kv_heads
    else:
        n_kv_heads = n_heads
        key_value_dim = dim

    state = {
        "tok_embeddings.weight": loaded["model.embed_tokens.weight"],
        "norm.weight": loaded["model.norm.weight"],
        "output.weight": loaded["lm_head.weight"],
    }
    for i in range(params["n_layers"]):
        source, target = f"model.layers.{i}", f"layers.{i}"
        state[f"{target}.attention.wq.weight"] = permute(
            loaded[f"{source}.self_attn.q_proj.weight"], n_heads=n_heads, dim1=dim, dim2=dim,
        )
        state[f"{target}.attention.wk.weight"] = permute(
            loaded[f"{source}.self_attn.k_proj.weight"], n_heads=n_kv_heads, dim1=key_value_dim, dim2=dim,
        )
        for old, new in RENAME.items():
            state[f"{target}.{new}.weight"] = loaded[f"{source}.{old}.weight"]

    torch.save(state, os.path.join(output_dir, "consolidated.00.pth"))
    with open(os.path.join(output_dir, "params.json"), "w") as f:
        json.dump(params, f)
    return state


MODELS = {
    "llama-7b": {"dim": 64, "n_heads": 8, "n_layers": 2},
    "llama-70b": {"dim": 128, "n_heads": 16, "n_kv_heads": 4, "n_layers": 2},
    "tinyllama": {"dim": 64, "n_heads": 8, "n_kv_heads": 2, "n_layers": 2},
}


def hf_model(params):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=90, hidden_size=params["dim"], intermediate_size=2 * params["dim"],
        num_hidden_layers=params["n_layers"], num_attention_heads=params["n_heads"],
        num_key_value_heads=params.get("n_kv_heads", params["n_heads"]), max_position_embeddings=64,
    ))


if __name__ == "__main__":
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as root:
        for name, params in MODELS.items():
            state = write_model(hf_model(params), params, os.path.join(root, name))
            print(f"{name:<10} {len(state)} tensors, wk {tuple(state['layers.0.attention.wk.weight'].shape)}")
