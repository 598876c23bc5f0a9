import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForSequenceClassification

PAD, VOCAB = 0, 60


def preference_pairs(n):
    gen = torch.Generator().manual_seed(7)
    for i in range(n):
        prompt = torch.randint(2, VOCAB, (4,), generator=gen)
        chosen = torch.randint(2, VOCAB, (3 + i % 3,), generator=gen)
        rejected = torch.randint(2, VOCAB, (5 - i % 3,), generator=gen)
        yield {"chosen": torch.cat([prompt, chosen]), "rejected": torch.cat([prompt, rejected]),
               "margin": [0.1, 3.0, 0.3, 2.0][i % 4]}


def rlhf_data_collator(batch):
    rows = [b["chosen"] for b in batch] + [b["rejected"] for b in batch]
    input_ids = pad_sequence(rows, batch_first=True, padding_value=PAD)
    res = {"input_ids": input_ids, "attention_mask": input_ids.ne(PAD).long()}
    res["margin"] = torch.tensor([b["margin"] for b in batch], dtype=torch.float)
    return res


class RewardTrainer:
    def __init__(self, model, lr=1e-3, center_rewards_coefficient=0.01):
        self.model = model
        self.center = center_rewards_coefficient
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def compute_loss(self, inputs):
        margin = inputs.pop("margin")
        rewards = self.model(**inputs).logits
        rewards_chosen, rewards_rejected = torch.split(rewards, rewards.shape[0] // 2, dim=0)
        loss = -F.logsigmoid(rewards_chosen - rewards_rejected - margin.unsqueeze(-1)).mean()
        loss = loss + self.center * torch.mean((rewards_chosen + rewards_rejected) ** 2)
        accuracy = (rewards_chosen > rewards_rejected).float().mean()
        return loss, accuracy

    def train(self, loader, epochs):
        for epoch in range(epochs):
            for step, inputs in enumerate(loader):
                loss, accuracy = self.compute_loss(inputs)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                print(f"epoch {epoch} step {step} loss {loss.item():.5f} acc {accuracy.item():.2f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=4, pad_token_id=PAD, num_labels=1)
    model = LlamaForSequenceClassification(config)
    loader = DataLoader(list(preference_pairs(8)), batch_size=4, collate_fn=rlhf_data_collator)
    RewardTrainer(model).train(loader, epochs=3)
