from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import GPT2Config, GPT2LMHeadModel


@dataclass
class PPOConfig:
    batch_size: int = 14
    forward_batch_size: int = 4
    ppo_epochs: int = 2
    cliprange: float = 0.2
    lr: float = 1e-4


def logprobs_of(logits, labels):
    return logits.log_softmax(-1).gather(2, labels.unsqueeze(-1)).squeeze(-1)


class PPOTrainer:
    def __init__(self, config, model):
        self.config, self.model = config, model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)

    @torch.no_grad()
    def batched_forward_pass(self, sequences):
        bs, fbs = self.config.batch_size, self.config.forward_batch_size
        all_logprobs = []
        for i in range((bs + fbs - 1) // fbs):
            rows = sequences[i * fbs:(i + 1) * fbs]
            logits = self.model(input_ids=rows).logits
            all_logprobs.append(logprobs_of(logits[:, :-1], rows[:, 1:]))
        return torch.cat(all_logprobs)

    def step(self, sequences, scores):
        old_logprobs = self.batched_forward_pass(sequences)
        advantages = (scores - scores.mean()) / (scores.std() + 1e-6)
        rollout = TensorDataset(sequences, old_logprobs, advantages)
        for _ in range(self.config.ppo_epochs):
            for rows, old, adv in DataLoader(rollout, batch_size=self.config.forward_batch_size):
                new = logprobs_of(self.model(input_ids=rows).logits[:, :-1], rows[:, 1:])
                ratio = (new - old).exp()
                clipped = ratio.clamp(1 - self.config.cliprange, 1 + self.config.cliprange)
                loss = -torch.min(ratio * adv[:, None], clipped * adv[:, None]).mean()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
        return loss.item()


def main():
    torch.manual_seed(0)
    lm = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=0,
                                    eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))
    config = PPOConfig()
    trainer = PPOTrainer(config, lm)
    for update in range(2):
        sequences = torch.randint(0, 50, (config.batch_size, 12))
        scores = sequences.eq(7).float().sum(1)
        print("update", update, "loss", round(trainer.step(sequences, scores), 4))


if __name__ == "__main__":
    main()
