import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
cfg = LlamaConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=4,
    num_key_value_heads=2,
)
model = LlamaForCausalLM(cfg).eval()
prefix = torch.nn.Parameter(torch.randn(1, 6, 32))


def forward(ids, mask):
    positions = mask.long().cumsum(-1) - 1
    embeds = model.get_input_embeddings()(ids)
    embeds = torch.cat([prefix.expand(len(ids), -1, -1), embeds], 1)
    mask = torch.cat([torch.ones(len(ids), 6, dtype=mask.dtype), mask], 1)
    return model(inputs_embeds=embeds, attention_mask=mask, position_ids=positions).logits


ids = torch.randint(1, 64, (2, 5))
print(forward(ids, torch.ones(2, 5, dtype=torch.long)).shape)
