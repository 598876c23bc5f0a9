import torch
from torch import nn
from transformers import GPT2Config, GPT2Model


class Reward(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = GPT2Model(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32))
        self.score = nn.Linear(16, 1)

    def forward(self, ids, mask):
        h = self.body(ids, attention_mask=mask).last_hidden_state
        lengths = mask.sum(1)
        idx = lengths.view(-1, 1, 1).expand(-1, 1, h.size(-1))
        return self.score(h.gather(1, idx).squeeze(1))


ids = torch.tensor([[3, 4, 5, 0], [6, 7, 8, 9]])
print(Reward()(ids, (ids != 0).long()).shape)
