import torch
from transformers import AttentionInterface, AutoModelForCausalLM, Qwen2Config

torch.set_num_threads(1)
torch.manual_seed(0)


def softcap_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, cap=30.0, **kwargs):
    scaling = scaling if scaling is not None else query.shape[-1] ** -0.5
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    scores = cap * torch.tanh(scores / cap)
    if attention_mask is not None:
        scores = scores + attention_mask[..., : key.shape[-2]]
    else:
        causal = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(key.shape[-2] - query.shape[-2])
        scores = scores.masked_fill(~causal, torch.finfo(scores.dtype).min)
    probs = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    probs = torch.nn.functional.dropout(probs, p=dropout, training=module.training)
    out = torch.matmul(probs, value)
    return out.transpose(1, 2).contiguous(), probs


AttentionInterface.register("softcap", softcap_attention)
base = dict(
    vocab_size=88,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    max_position_embeddings=64,
    pad_token_id=0,
    eos_token_id=None,
    bos_token_id=None,
)
variants = {
    "mha": Qwen2Config(**base, num_attention_heads=4, num_key_value_heads=4),
    "gqa": Qwen2Config(**base, num_attention_heads=8, num_key_value_heads=2),
}
ids = torch.randint(1, 88, (3, 10))
for name, config in variants.items():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        ref = model(input_ids=ids).logits
        model.set_attn_implementation("softcap")
        new = model(input_ids=ids).logits
    print(name, (ref - new).abs().max().item())
