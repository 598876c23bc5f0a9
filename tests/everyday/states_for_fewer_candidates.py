import torch
from transformers import T5Config, T5ForConditionalGeneration

torch.manual_seed(0)
model = T5ForConditionalGeneration(
    T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0)
).eval()


@torch.no_grad()
def rerank(source, candidates):
    encoded = model.encoder(input_ids=source)
    flat = candidates.reshape(-1, candidates.size(-1))
    out = model(encoder_outputs=encoded, decoder_input_ids=flat)
    return out.logits.log_softmax(-1).gather(2, flat.unsqueeze(-1)).sum((1, 2)).view(source.size(0), -1)


print(rerank(torch.randint(1, 64, (2, 7)), torch.randint(1, 64, (2, 3, 5))))
