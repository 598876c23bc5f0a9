"""Rerank n translations of each source sentence with an encoder-decoder."""

import torch
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

PAD = 0


def pad(rows):
    width = max(map(len, rows))
    return torch.tensor([r + [PAD] * (width - len(r)) for r in rows])


class Reranker:
    def __init__(self, model):
        self.model = model

    def encode(self, sources, n):
        ids = pad(sources)
        mask = (ids != PAD).long()
        states = self.model.encoder(ids, attention_mask=mask).last_hidden_state
        return states.repeat(n, 1, 1), mask.repeat(n, 1)

    @torch.no_grad()
    def score(self, sources, candidates):
        n = len(candidates[0])
        states, mask = self.encode(sources, n)
        targets = pad([c for group in candidates for c in group])
        logits = self.model(
            encoder_outputs=BaseModelOutput(states),
            attention_mask=mask,
            labels=targets.masked_fill(targets == PAD, -100),
        ).logits
        logp = logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1) * (targets != PAD)
        return logp.sum(1).view(len(sources), n)


def t5():
    torch.manual_seed(2)
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=60,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=PAD,
            pad_token_id=PAD,
            eos_token_id=1,
            initializer_factor=2.0,
        )
    ).eval()


if __name__ == "__main__":
    reranker = Reranker(t5())
    sources = [[5, 17, 33, 1], [40, 8, 1], [22, 9, 51, 30, 6, 1]]
    candidates = [[[7, 19, 1], [7, 20, 14, 1]], [[41, 1], [11, 42, 1]], [[23, 10, 3, 52, 1], [31, 6, 1]]]
    scores = reranker.score(sources, candidates)
    for source, row, group in zip(sources, scores, candidates, strict=True):
        print(source, "best", group[row.argmax()], [round(s, 2) for s in row.tolist()])
