"""Beam search over any causal model that hands back a recurrent or key/value state."""
from collections import namedtuple

import torch
from transformers import GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM

Hypothesis = namedtuple("Hypothesis", "score tokens")
STATE_NAMES = ("past_key_values", "cache_params")


def tiny_models():
    torch.manual_seed(6)
    yield "gpt2", GPT2LMHeadModel(GPT2Config(
        vocab_size=40, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.35,
        bos_token_id=0, eos_token_id=0,
    )).eval()
    yield "mamba", MambaForCausalLM(MambaConfig(
        vocab_size=40, hidden_size=32, state_size=8, num_hidden_layers=2, conv_kernel=4, initializer_range=0.6,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )).eval()


class BeamSearch:
    def __init__(self, model, num_beams):
        self.model = model
        self.num_beams = num_beams

    def advance(self, ids, state):
        out = self.model(ids, use_cache=True, **state)
        state = {name: out[name] for name in STATE_NAMES if out.get(name) is not None}
        return out.logits[:, -1].log_softmax(-1), state

    def follow(self, state, rows):
        if state.get("past_key_values") is not None:
            state["past_key_values"].reorder_cache(rows)
        return state

    @torch.no_grad()
    def search(self, prompt, steps):
        beams = self.num_beams
        sequences = torch.tensor([prompt] * beams)
        log_probs, state = self.advance(sequences, {})
        vocab = log_probs.size(-1)
        scores = torch.full((beams,), float("-inf"))
        scores[0] = 0.0
        for step in range(steps):
            total = (scores.unsqueeze(1) + log_probs).flatten()
            scores, flat = total.topk(beams)
            rows, tokens = flat // vocab, flat % vocab
            sequences = torch.cat([sequences[rows], tokens.unsqueeze(1)], dim=1)
            state = self.follow(state, rows)
            if step < steps - 1:
                log_probs, state = self.advance(tokens.unsqueeze(1), state)
        return [Hypothesis(s, q[len(prompt):]) for s, q in zip(scores.tolist(), sequences.tolist())]


for name, model in tiny_models():
    for hypothesis in BeamSearch(model, num_beams=4).search([3, 17, 8, 25, 12], steps=8):
        print(f"{name:<6} {hypothesis.score:8.4f}  {hypothesis.tokens}")
