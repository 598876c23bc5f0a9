"""Score documents that are packed into one row to save padding."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

EOS = 0


class Packer:
    def __init__(self, capacity):
        self.capacity = capacity

    def bins(self, docs):
        current, used = [], 0
        for doc in docs:
            if used + len(doc) > self.capacity:
                yield current
                current, used = [], 0
            current.append(doc)
            used += len(doc)
        yield current

    @staticmethod
    def inputs(bin_):
        row, where, owner = [], [], []
        for i, doc in enumerate(bin_):
            row += doc
            where += range(len(doc))
            owner += [i] * len(doc)
        owner = torch.tensor(owner)
        visible = (owner[:, None] == owner[None, :]).tril()
        mask = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.float).min)
        return {
            "input_ids": torch.tensor([row]),
            "position_ids": torch.tensor([where]),
            "attention_mask": mask[None, None],
        }


class Scorer:
    def __init__(self, capacity=24):
        torch.manual_seed(7)
        self.model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=50,
                n_positions=64,
                n_embd=32,
                n_layer=2,
                n_head=4,
                initializer_range=0.4,
                bos_token_id=EOS,
                eos_token_id=EOS,
                attn_implementation="eager",
            )
        ).eval()
        self.packer = Packer(capacity)

    @torch.no_grad()
    def nll(self, docs):
        for bin_ in self.packer.bins(docs):
            inputs = self.packer.inputs(bin_)
            logp = self.model(**inputs).logits[0].log_softmax(-1)
            start = 0
            for doc in bin_:
                rows = logp[start : start + len(doc) - 1]
                yield -rows.gather(1, torch.tensor(doc[1:]).unsqueeze(1)).mean().item()
                start += len(doc)


docs = [
    [4, 9, 31, 7, EOS],
    [22, 22, 40, 6, 18, 3, EOS],
    [11, 45, 2, EOS],
    [33, 8, 19, 27, 5, 14, 36, EOS],
    [22, 22, 40, 6, 18, 3, EOS],
]
for doc, value in zip(docs, Scorer().nll(docs), strict=True):
    print(f"nll {value:.4f}", doc)
