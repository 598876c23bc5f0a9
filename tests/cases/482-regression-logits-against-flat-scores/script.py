"""Sentence-pair similarity: regress a score with a small BERT encoder."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification


def make_pairs(count, seed, length=10, vocab=40):
    gen = torch.Generator().manual_seed(seed)
    left = torch.randint(4, vocab, (count, length), generator=gen)
    keep = torch.rand(count, length, generator=gen) < torch.rand(count, 1, generator=gen)
    right = torch.where(keep, left, torch.randint(4, vocab, (count, length), generator=gen))
    ids = torch.cat([left, right], dim=1)
    types = torch.cat([torch.zeros_like(left), torch.ones_like(right)], dim=1)
    scores = right.lt(vocab // 2).float().mean(1) * 5
    return TensorDataset(ids, types, scores)


class RegressionTrainer:
    def __init__(self, model, train_set, batch_size=8, lr=3e-3):
        self.model = model
        self.loader = DataLoader(train_set, batch_size=batch_size, shuffle=True, generator=torch.Generator().manual_seed(0))
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
        self.loss_fct = nn.MSELoss()

    def compute_loss(self, inputs, labels):
        logits = self.model(**inputs).logits
        return self.loss_fct(logits, labels)

    def train(self, epochs):
        self.model.train()
        for epoch in range(epochs):
            total = 0.0
            for ids, types, scores in self.loader:
                loss = self.compute_loss({"input_ids": ids, "token_type_ids": types}, scores)
                loss.backward()
                self.optimizer.step()
                self.optimizer.zero_grad()
                total += loss.item()
            print(f"epoch {epoch} loss {total / len(self.loader):.4f}")


@torch.no_grad()
def pearson(model, data):
    ids, types, scores = data.tensors
    predicted = model.eval()(input_ids=ids, token_type_ids=types).logits[:, 0]
    return torch.corrcoef(torch.stack([predicted, scores]))[0, 1].item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=40, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=32, num_labels=1, initializer_range=0.1,
    ))
    RegressionTrainer(model, make_pairs(320, 0)).train(6)
    print(f"pearson {pearson(model, make_pairs(64, 1)):.3f}")
