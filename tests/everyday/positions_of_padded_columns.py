import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64)).eval()


def collate(rows, pad=0):
    width = max(map(len, rows))
    ids = torch.tensor([[pad] * (width - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
    return ids, mask


ids, mask = collate([[5, 6, 7], [8, 9, 10, 11, 12, 13]])
positions = torch.arange(ids.size(1)).unsqueeze(0).expand_as(ids)
with torch.no_grad():
    logits = model(ids, attention_mask=mask, position_ids=positions).logits
print(logits[:, -1].argmax(-1).shape)
