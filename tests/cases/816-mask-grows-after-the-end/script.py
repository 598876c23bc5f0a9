"""Rollouts for policy training: sample on every worker until all are done, then score the sampled tokens."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM

PAD, EOS = 0, 2


def make_policy():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.4,
        pad_token_id=PAD, bos_token_id=1, eos_token_id=EOS,
    )).eval()


class Rollout:
    """All workers take part in as many forward passes as the longest reply of any of them (`peer_steps`) needs."""

    def __init__(self, policy, peer_steps):
        self.policy, self.peer_steps = policy, peer_steps

    @torch.no_grad()
    def sample(self, ids, mask, stop_after):
        done = torch.zeros(ids.size(0), dtype=torch.bool)
        for step in range(max(stop_after + 1, self.peer_steps)):
            logits = self.policy(ids, attention_mask=mask).logits[:, -1]
            mask = torch.cat([mask, (~done).long().unsqueeze(1)], dim=1)
            if done.all():
                continue
            picked = logits.argmax(-1)
            if step == stop_after:
                picked = torch.full_like(picked, EOS)
            ids = torch.cat([ids, picked.masked_fill(done, PAD).unsqueeze(1)], dim=1)
            done |= picked.eq(EOS)
        return ids, mask


def position_ids(ids, mask):
    positions = torch.zeros_like(ids)
    for row in range(ids.size(0)):
        kept = ids[row][mask[row].bool()]
        positions[row, mask[row].bool()] = torch.arange(kept.numel())
    return positions


@torch.no_grad()
def score(policy, ids, mask, prompt_length):
    logits = policy(ids, attention_mask=mask, position_ids=position_ids(ids, mask)).logits
    logps = logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:].unsqueeze(2)).squeeze(2)
    return (logps * mask[:, 1:])[:, prompt_length - 1:].sum(1)


def main():
    policy = make_policy()
    prompts = torch.tensor([[PAD, PAD, 1, 14, 33, 8], [1, 21, 40, 7, 19, 30]])
    mask = prompts.ne(PAD).long()
    for name, peer_steps, stop_after in (("longest here", 3, 5), ("longest elsewhere", 7, 5)):
        ids, full_mask = Rollout(policy, peer_steps).sample(prompts, mask, stop_after)
        scores = score(policy, ids, full_mask, prompts.size(1))
        print(f"{name:<18} {tuple(ids.shape)} log-likelihood", [round(s, 3) for s in scores.tolist()])


if __name__ == "__main__":
    main()
