"""Standalone speculative decoding: a small draft model proposes, requests join and leave the running batch."""
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

VOCAB = 80


@dataclass
class DraftInput:
    last_ids: torch.Tensor
    hidden_states: torch.Tensor

    @classmethod
    def create_idle(cls, hidden_size):
        return cls(torch.empty(0, dtype=torch.long), torch.empty(0, hidden_size))

    def filter(self, keep):
        self.last_ids = self.last_ids[keep]
        self.hidden_states = self.hidden_states[keep]

    def merge(self, other):
        self.last_ids = torch.cat([self.last_ids, other.last_ids])
        self.hidden_states = torch.cat([self.hidden_states, other.hidden_states])

    def __len__(self):
        return self.last_ids.size(0)


class StandaloneWorker:
    def __init__(self, target, draft, steps=3):
        self.target, self.draft, self.steps = target, draft, steps
        self.running = DraftInput.create_idle(target.config.hidden_size)

    @torch.no_grad()
    def extend(self, prompts):
        next_ids = self.target(prompts).logits[:, -1].argmax(-1)
        hidden = self.draft.model(torch.cat([prompts, next_ids[:, None]], dim=1)).last_hidden_state
        return DraftInput(next_ids, hidden[:, -1])

    @torch.no_grad()
    def propose(self):
        proposals = []
        hidden = self.running.hidden_states
        for _ in range(self.steps):
            ids = self.draft.lm_head(hidden).argmax(-1)
            proposals.append(ids)
            hidden = self.draft.model(ids[:, None]).last_hidden_state[:, -1]
        return torch.stack(proposals, dim=1)

    def schedule(self, prompts, finished):
        if finished:
            keep = [i for i in range(len(self.running)) if i not in finished]
            self.running.filter(keep)
        if prompts is not None:
            self.running.merge(self.extend(prompts))
        return self.propose()


def llama(hidden):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )).eval()


def qwen(hidden):
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=VOCAB, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )).eval()


def serve(name, target, draft):
    worker = StandaloneWorker(target, draft)
    print(name)
    for prompts, finished in [(torch.randint(0, VOCAB, (2, 5)), []), (torch.randint(0, VOCAB, (1, 7)), [0]), (None, [1])]:
        print("  running", len(worker.running), "->", worker.schedule(prompts, finished).tolist())


torch.manual_seed(0)
serve("qwen drafts for qwen", qwen(48), qwen(48))
serve("qwen drafts for llama", llama(64), qwen(48))
