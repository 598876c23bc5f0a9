"""Group-relative policy optimisation with two reward functions."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

SIZES = dict(
    vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3, pad_token_id=0, eos_token_id=1,
)
NUM_GENERATIONS, LENGTH = 4, 6


class JudgeReward:
    """Score of a frozen reward model."""

    def __init__(self):
        self.judge = LlamaForSequenceClassification(LlamaConfig(num_labels=1, **SIZES)).eval()

    @torch.no_grad()
    def __call__(self, prompts, completions):
        ids = torch.cat([prompts, completions], dim=1)
        logits = self.judge(ids, attention_mask=torch.ones_like(ids)).logits
        return logits[:, 0].tolist()


def variety_reward(prompts, completions):
    return [len(set(row)) / len(row) for row in completions.tolist()]


class GRPO:
    def __init__(self, policy, reward_funcs, weights):
        self.policy, self.reward_funcs, self.weights = policy, reward_funcs, torch.tensor(weights)
        self.optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)

    def score(self, prompts, completions):
        rewards_per_func = torch.zeros(len(completions), len(self.reward_funcs))
        for i, func in enumerate(self.reward_funcs):
            rewards_per_func[:, i] = torch.tensor(func(prompts, completions))
        rewards = (rewards_per_func * self.weights).sum(dim=1)
        grouped = rewards.view(-1, NUM_GENERATIONS)
        advantages = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)
        return rewards_per_func, advantages.view(-1)

    def step(self, prompts):
        prompts = prompts.repeat_interleave(NUM_GENERATIONS, dim=0)
        ids = self.policy.generate(
            prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=LENGTH, suppress_tokens=[0, 1], do_sample=True
        )
        completions = ids[:, prompts.size(1):]
        rewards, advantages = self.score(prompts, completions)
        logits = self.policy(ids[:, :-1]).logits[:, -LENGTH:]
        logps = logits.log_softmax(-1).gather(2, completions.unsqueeze(2)).squeeze(2)
        loss = -(logps.mean(dim=1) * advantages).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return rewards.mean(dim=0), loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    trainer = GRPO(LlamaForCausalLM(LlamaConfig(**SIZES)), [JudgeReward(), variety_reward], weights=[1.0, 0.5])
    for number in range(4):
        (judge, variety), loss = trainer.step(torch.randint(2, 40, (2, 5)))
        print(f"step {number} judge {judge:+.3f} variety {variety:.3f} loss {loss:+.4f}")
