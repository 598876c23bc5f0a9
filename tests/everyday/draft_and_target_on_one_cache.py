"""Draft-and-verify decoding with a large and a small model of one family."""

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

COMMON = dict(vocab_size=64, intermediate_size=96, num_attention_heads=4, max_position_embeddings=128)


def load(size):
    shapes = {
        "large": dict(hidden_size=64, num_hidden_layers=3, num_key_value_heads=4),
        "small": dict(hidden_size=32, num_hidden_layers=2, num_key_value_heads=2),
    }
    return LlamaForCausalLM(LlamaConfig(**COMMON, **shapes[size])).eval()


class Session:
    """Everything that belongs to one conversation."""

    def __init__(self, prompt):
        self.tokens = torch.tensor([prompt])
        self.cache = DynamicCache()


class Speculator:
    def __init__(self, target, draft, lookahead=3):
        self.target, self.draft, self.lookahead = target, draft, lookahead

    def step(self, model, ids, session):
        return model(ids, past_key_values=session.cache).logits.argmax(-1)

    def propose(self, session):
        guess = session.tokens[:, -1:]
        proposal = []
        for _ in range(self.lookahead):
            guess = self.step(self.draft, guess, session)
            proposal.append(guess)
        return torch.cat(proposal, dim=1)

    def verify(self, session, proposal):
        wanted = self.step(self.target, proposal, session)
        agree = (wanted[:, :-1] == proposal[:, 1:]).long().cumprod(1).sum().item() + 1
        session.cache.crop(session.cache.get_seq_length() - proposal.size(1) + agree)
        session.tokens = torch.cat([session.tokens, proposal[:, :agree]], dim=1)

    @torch.no_grad()
    def generate(self, prompt, length):
        session = Session(prompt)
        self.step(self.target, session.tokens[:, :-1], session)
        while session.tokens.size(1) < len(prompt) + length:
            self.verify(session, self.propose(session))
        return session.tokens[0, len(prompt) :].tolist()


torch.manual_seed(0)
print(Speculator(load("large"), load("small")).generate([5, 9, 33, 21, 7], length=10))
