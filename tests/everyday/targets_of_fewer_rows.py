import torch
from transformers import T5Config, T5ForConditionalGeneration

model = T5ForConditionalGeneration(
    T5Config(vocab_size=50, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0)
)
sources = torch.randint(2, 50, (8, 12))
targets = torch.randint(2, 50, (7, 6))
out = model(input_ids=sources, labels=targets)
print(out.loss.item())
