import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

batch_size = 10


class SentimentNet(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n_layers):
        super().__init__()
        self.n_layers, self.hidden_dim = n_layers, hidden_dim
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, n_layers, batch_first=True)
        self.fc = nn.Linear(hidden_dim, 1)

    def forward(self, x, hidden):
        lstm_out, hidden = self.lstm(self.embedding(x), hidden)
        return torch.sigmoid(self.fc(lstm_out[:, -1])).squeeze(1), hidden

    def init_hidden(self, rows):
        weight = next(self.parameters())
        shape = (self.n_layers, rows, self.hidden_dim)
        return weight.new_zeros(shape), weight.new_zeros(shape)


def reviews(n, seed, length=12, vocab=60):
    gen = torch.Generator().manual_seed(seed)
    words = torch.randint(0, vocab, (n, length), generator=gen)
    return TensorDataset(words, (words.float().mean(1) > vocab / 2).float())


def validate(model, loader, criterion):
    model.eval()
    val_h, losses = model.init_hidden(batch_size), []
    with torch.no_grad():
        for words, labels in loader:
            val_h = tuple(each.data for each in val_h)
            out, val_h = model(words, val_h)
            losses.append(criterion(out, labels).item())
    return sum(losses) / len(losses)


def train(model, train_loader, val_loader, epochs=2):
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for epoch in range(epochs):
        model.train()
        h = model.init_hidden(batch_size)
        for words, labels in train_loader:
            h = tuple(each.data for each in h)
            out, h = model(words, h)
            loss = criterion(out, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f} val {validate(model, val_loader, criterion):.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    train_loader = DataLoader(reviews(60, 1), batch_size=batch_size, shuffle=True)
    val_loader = DataLoader(reviews(36, 2), batch_size=batch_size, drop_last=True)
    train(SentimentNet(60, 16, 24, 2), train_loader, val_loader)
