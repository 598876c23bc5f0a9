"""Score the quality of short documents (0 to 16) with a text encoder and a regression head."""
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import DistilBertConfig, DistilBertModel


class RegressionHead(nn.Module):
    def __init__(self, layer_dims):
        super().__init__()
        self.layer = nn.Linear(*layer_dims)
        self.loss_fct = nn.MSELoss()

    def forward(self, pooled):
        return self.layer(pooled)

    def logits_to_loss(self, logits, labels):
        return self.loss_fct(logits.squeeze(), labels.float())

    def logits_to_preds(self, logits):
        return logits.squeeze(-1).tolist()


class AdaptiveModel(nn.Module):
    def __init__(self, language_model, head):
        super().__init__()
        self.language_model, self.head = language_model, head

    def forward(self, input_ids):
        hidden = self.language_model(input_ids=input_ids).last_hidden_state
        return self.head(hidden.mean(dim=1))


class RegressionProcessor:
    """Turns (tokens, score) pairs into tensors; multi-task heads get one label column each."""

    def __init__(self, low=0.0, high=16.0):
        self.mean, self.scale = (low + high) / 2, (high - low) / 2

    def to_features(self, sample):
        tokens, score = sample
        return {"input_ids": torch.tensor(tokens), "label": torch.tensor([(score - self.mean) / self.scale])}

    def to_score(self, value):
        return value * self.scale + self.mean


def documents(count, length=10, seed=0):
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(count):
        good = torch.randint(0, length + 1, (), generator=g).item()
        tokens = torch.cat([torch.randint(5, 15, (good,), generator=g), torch.randint(15, 25, (length - good,), generator=g)])
        rows.append((tokens[torch.randperm(length, generator=g)].tolist(), 16.0 * good / length))
    return rows


def main():
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=25, dim=32, n_layers=1, n_heads=4, hidden_dim=64, max_position_embeddings=16, dropout=0.0)
    model = AdaptiveModel(DistilBertModel(config), RegressionHead([32, 1]))
    processor = RegressionProcessor()
    loader = DataLoader([processor.to_features(d) for d in documents(128)], batch_size=32, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(8):
        for batch in loader:
            loss = model.head.logits_to_loss(model(batch["input_ids"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"loss after training {loss.item():.4f}")

    test = documents(6, seed=7)
    with torch.no_grad():
        preds = model.head.logits_to_preds(model(torch.tensor([tokens for tokens, _ in test])))
    for (_, score), pred in zip(test, preds):
        print(f"label {score:4.1f}  predicted {processor.to_score(pred):5.1f}")


if __name__ == "__main__":
    main()
