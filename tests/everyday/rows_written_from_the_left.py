import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
cfg = LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
model = LlamaForCausalLM(cfg).eval()


def collate(prompts):
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), 0)
    mask = torch.zeros_like(ids)
    for i, p in enumerate(prompts):
        ids[i, : len(p)] = torch.tensor(p)
        mask[i, : len(p)] = 1
    return {"input_ids": ids, "attention_mask": mask}


out = model.generate(**collate([[5, 6, 7, 8], [9, 10]]), max_new_tokens=4, do_sample=False)
print(out.shape)
