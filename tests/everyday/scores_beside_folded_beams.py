import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32)).eval()


@torch.no_grad()
def beam(ids, width=3, steps=3):
    batch = ids.size(0)
    ids = ids.repeat_interleave(width, 0)
    scores = torch.zeros(batch, width)
    for _ in range(steps):
        logp = model(ids).logits[:, -1].log_softmax(-1)
        total = scores.unsqueeze(-1) + logp
        scores, flat = total.view(batch, -1).topk(width)
        beam_ids, tok = flat // logp.size(-1), flat % logp.size(-1)
        rows = (beam_ids + torch.arange(batch)[:, None] * width).view(-1)
        ids = torch.cat([ids[rows], tok.view(-1, 1)], 1)
    return ids


print(beam(torch.randint(0, 50, (2, 4))).shape)
