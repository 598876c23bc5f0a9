"""Chunk-level beam search: several continuations are sampled, after every chunk only the best scored ones go on."""
from dataclasses import dataclass

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

VOCAB = 50


def load_policy():
    torch.manual_seed(3)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=VOCAB, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.5,
    )).eval()


class KeywordScorer:
    """Counts the words that a small tuned model likes better than its untuned version."""

    def __init__(self, liked):
        self.liked = torch.tensor(sorted(liked))

    def __call__(self, responses):
        return torch.isin(responses, self.liked).float().mean(dim=1)


@dataclass
class ChunkSearch:
    policy: torch.nn.Module
    scorer: KeywordScorer
    width: int = 2
    successors: int = 3
    chunk: int = 4

    def best(self, responses):
        order = self.scorer(responses).topk(self.width).indices
        return order.repeat(self.successors)

    @torch.no_grad()
    def search(self, prompt, max_new_tokens, seed):
        gen = torch.Generator().manual_seed(seed)
        ids = prompt.repeat(self.width * self.successors, 1)
        out = self.policy(ids, use_cache=True)
        for step in range(1, max_new_tokens + 1):
            probs = out.logits[:, -1].softmax(-1)
            token = torch.multinomial(probs, 1, generator=gen)
            ids = torch.cat([ids, token], dim=1)
            if step % self.chunk == 0:
                beam_idx = self.best(ids[:, prompt.size(1):])
                ids = ids[beam_idx]
            if step < max_new_tokens:
                out = self.policy(ids[:, -1:], past_key_values=out.past_key_values, use_cache=True)
        return ids[0]


@torch.no_grad()
def log_likelihood(policy, ids, start):
    log_probs = policy(ids.unsqueeze(0)).logits[0, :-1].log_softmax(-1)
    return log_probs.gather(1, ids[1:].unsqueeze(1))[start - 1:].mean().item()


def main():
    policy = load_policy()
    prompt = torch.tensor([[7, 19, 3, 28, 41]])
    search = ChunkSearch(policy, KeywordScorer({4, 8, 15, 16, 23, 42, 11, 30}))
    for seed in range(3):
        answer = search.search(prompt, max_new_tokens=16, seed=seed)
        print(f"seed {seed} score {search.scorer(answer[None, prompt.size(1):]).item():.2f}"
              f" log-likelihood {log_likelihood(policy, answer, prompt.size(1)):.3f}")
        print("   ", answer[prompt.size(1):].tolist())


if __name__ == "__main__":
    main()
