import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset


class Parameters:
    seq_len = 12
    num_words = 80
    embedding_size = 16
    hidden = 24
    batch_size = 8
    epochs = 2
    learning_rate = 0.01


class TweetDataset(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


class TweetClassifier(nn.Module):
    def __init__(self, params):
        super().__init__()
        self.embedding = nn.Embedding(params.num_words, params.embedding_size, padding_idx=0)
        self.lstm = nn.LSTM(params.embedding_size, params.hidden, num_layers=2, batch_first=True)
        self.fc1 = nn.Linear(params.hidden, 12)
        self.fc2 = nn.Linear(12, 1)

    def forward(self, x):
        _, (hidden, _) = self.lstm(self.embedding(x))
        out = torch.relu(self.fc1(hidden[-1]))
        return torch.sigmoid(self.fc2(out))


class Run:
    def __init__(self, model, params):
        self.model, self.params = model, params
        self.criterion = nn.BCELoss()
        self.optimizer = optim.RMSprop(model.parameters(), lr=params.learning_rate)

    def train(self, loader):
        for epoch in range(self.params.epochs):
            self.model.train()
            hits = seen = 0
            for x_batch, y_batch in loader:
                x = x_batch.long()
                y = y_batch.float()
                y_pred = self.model(x)
                loss = self.criterion(y_pred, y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                hits += ((y_pred > 0.5).float() == y).sum().item()
                seen += y.numel()
            print(f"epoch {epoch + 1} loss {loss.item():.4f} accuracy {hits / seen:.3f}")


def prepare(params, n=40):
    g = torch.Generator().manual_seed(3)
    x = torch.randint(1, params.num_words, (n, params.seq_len), generator=g)
    return x.numpy(), (x[:, 0] > params.num_words // 2).numpy()


if __name__ == "__main__":
    torch.manual_seed(0)
    params = Parameters()
    loader = DataLoader(TweetDataset(*prepare(params)), batch_size=params.batch_size)
    Run(TweetClassifier(params), params).train(loader)
