import torch
from transformers import LlamaConfig, LlamaForCausalLM

model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
)
model.eval()


def truncate(batch, limit):
    batch["input_ids"] = batch["input_ids"][:, :limit]
    return batch


batch = {"input_ids": torch.randint(0, 64, (2, 20)), "attention_mask": torch.ones(2, 20, dtype=torch.long)}
batch = truncate(batch, 16)
print(model(**batch).logits.shape)
