"""Beam search over a cached GPT-2, written out."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel


def small_gpt2(vocab):
    torch.manual_seed(12)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab,
            n_positions=64,
            n_embd=32,
            n_layer=2,
            n_head=4,
            initializer_range=0.35,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()


@torch.no_grad()
def beam_search(model, prompt, beams, length):
    vocab = model.config.vocab_size
    sequences = torch.tensor([prompt]).repeat(beams, 1)
    scores = torch.tensor([0.0] + [-1e9] * (beams - 1))
    past, tokens = None, sequences
    for _ in range(length):
        out = model(tokens, past_key_values=past, use_cache=True)
        past = out.past_key_values
        totals = scores.unsqueeze(1) + out.logits[:, -1].log_softmax(-1)
        scores, flat = totals.flatten().topk(beams)
        parents = flat // vocab
        tokens = (flat % vocab).unsqueeze(1)
        sequences = torch.cat([sequences[parents], tokens], dim=1)
    return sequences, scores


@torch.no_grad()
def logprob(model, sequence, start):
    logp = model(sequence[None]).logits[0, :-1].log_softmax(-1)
    return logp.gather(1, sequence[1:, None])[start - 1 :].sum().item()


if __name__ == "__main__":
    model, prompt = small_gpt2(60), [5, 33, 8, 41]
    found, scores = beam_search(model, prompt, beams=4, length=7)
    for sequence, score in zip(found, scores.tolist(), strict=True):
        print(
            f"beam score {score:8.4f}  model score {logprob(model, sequence, len(prompt)):8.4f}",
            sequence[len(prompt) :].tolist(),
        )
