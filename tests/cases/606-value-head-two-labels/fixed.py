"""Rollout phase of PPO: responses are sampled, scored by a reward model and valued token by token."""
from dataclasses import dataclass

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

PAD, EOS = 0, 1
INVALID_LOGPROB = 1.0


@dataclass
class PPOSettings:
    response_length: int = 12
    temperature: float = 0.9
    gamma: float = 1.0
    lam: float = 0.95
    kl_coef: float = 0.05


def gpt2(cls, seed, **extra):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=64, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, pad_token_id=PAD, bos_token_id=EOS, eos_token_id=EOS, **extra,
    )
    return cls(config).eval()


def first_true(mask):
    length = mask.size(-1)
    positions = torch.where(mask, torch.arange(length), length)
    return positions.min(dim=-1).values


def get_reward(model, sequences, context_length):
    mask = sequences != PAD
    position_ids = (mask.long().cumsum(1) - 1).clamp_min(0)
    hidden = model.transformer(sequences, attention_mask=mask.long(), position_ids=position_ids).last_hidden_state
    logits = model.score(hidden)
    last = first_true(sequences[:, context_length:] == PAD) - 1 + context_length
    return logits, logits[torch.arange(logits.size(0)), last].squeeze(-1), last


def advantages(rewards, values, cfg):
    carry, collected = torch.zeros(rewards.size(0)), []
    for t in reversed(range(rewards.size(1))):
        upcoming = values[:, t + 1] if t + 1 < rewards.size(1) else 0.0
        delta = rewards[:, t] + cfg.gamma * upcoming - values[:, t]
        carry = delta + cfg.gamma * cfg.lam * carry
        collected.append(carry)
    return torch.stack(collected[::-1], dim=1)


@torch.no_grad()
def rollout(policy, ref, reward_model, value_model, queries, cfg):
    context = queries.size(1)
    sequences = policy.generate(
        queries, attention_mask=torch.ones_like(queries), max_new_tokens=cfg.response_length,
        suppress_tokens=[PAD, EOS], do_sample=True, top_k=0, temperature=cfg.temperature,
    )
    responses = sequences[:, context:]
    padding_mask = torch.arange(cfg.response_length) >= torch.tensor([[12], [9], [12], [7]])
    responses = responses.masked_fill(padding_mask, PAD)
    sequences = torch.cat([queries, responses], dim=1)
    logprobs = []
    for model in (policy, ref):
        logits = model(sequences, attention_mask=(sequences != PAD).long()).logits
        logits = logits[:, context - 1:-1] / cfg.temperature
        picked = logits.log_softmax(-1).gather(-1, responses.unsqueeze(-1)).squeeze(-1)
        logprobs.append(picked.masked_fill(padding_mask, INVALID_LOGPROB))
    full_values, _, _ = get_reward(value_model, sequences, context)
    values = full_values[:, context - 1:-1].squeeze(-1)
    _, scores, last = get_reward(reward_model, sequences, context)
    values = torch.masked_fill(values, padding_mask, 0)
    rewards = -cfg.kl_coef * (logprobs[0] - logprobs[1])
    rewards[torch.arange(rewards.size(0)), last - context] += scores
    return scores, advantages(rewards, values, cfg)


def main():
    policy, ref = gpt2(GPT2LMHeadModel, 0), gpt2(GPT2LMHeadModel, 1)
    reward_model = gpt2(GPT2ForSequenceClassification, 2, num_labels=1)
    value_model = gpt2(GPT2ForSequenceClassification, 3, num_labels=1)
    torch.manual_seed(7)
    queries = torch.randint(2, 64, (4, 6))
    scores, adv = rollout(policy, ref, reward_model, value_model, queries, PPOSettings())
    print("scores", [round(s, 3) for s in scores.tolist()])
    print("advantages", tuple(adv.shape), "mean %.4f" % adv.mean())


if __name__ == "__main__":
    main()
