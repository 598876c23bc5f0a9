import torch
from torch import nn
from torch.nn import functional as F

SENTENCES = ["i love this phone", "she hates rainy days", "he likes warm bread", "sorry about that mess",
             "this is truly awful", "what a lovely song"]
LABELS = [1, 0, 1, 0, 0, 1]


class BiLSTMAttention(nn.Module):
    def __init__(self, vocab_size, embedding_dim=8, n_hidden=6, num_classes=2):
        super().__init__()
        self.n_hidden = n_hidden
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, n_hidden, bidirectional=True, batch_first=True)
        self.out = nn.Linear(n_hidden * 2, num_classes)

    def attention_net(self, lstm_output, final_state):
        hidden = final_state.transpose(0, 1).reshape(-1, self.n_hidden * 2, 1)
        weights = torch.bmm(lstm_output, hidden).squeeze(2)
        soft = F.softmax(weights, dim=1)
        context = torch.bmm(lstm_output.transpose(1, 2), soft.unsqueeze(2)).squeeze(2)
        return context, soft

    def forward(self, x):
        output, (final_hidden_state, _) = self.lstm(self.embedding(x))
        context, attention = self.attention_net(output, final_hidden_state)
        return self.out(context), attention


def build_vocab(sentences):
    words = sorted({word for s in sentences for word in s.split()})
    return {word: i for i, word in enumerate(words)}


def encode(sentences, vocab):
    return torch.tensor([[vocab[w] for w in s.split()] for s in sentences])


def train(model, inputs, targets, epochs=60):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(epochs):
        logits, _ = model(inputs)
        loss = F.cross_entropy(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (epoch + 1) % 20 == 0:
            print(f"epoch {epoch + 1:3d} cost {loss.item():.6f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    vocab = build_vocab(SENTENCES)
    model = BiLSTMAttention(len(vocab))
    inputs = encode(SENTENCES, vocab)
    train(model, inputs, torch.tensor(LABELS))
    model.eval()
    with torch.no_grad():
        _, attention = model(inputs)
    for sentence, row in zip(SENTENCES, attention):
        print(sentence, [round(v, 3) for v in row.tolist()])
