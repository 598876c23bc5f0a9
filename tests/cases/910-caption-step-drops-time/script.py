import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence

WORDS = ["<pad>", "<start>", "<end>", "a", "dog", "cat", "sits", "runs", "on", "grass"]


class EncoderCNN(nn.Module):
    def __init__(self, embed_size):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.AdaptiveAvgPool2d(1))
        self.linear = nn.Linear(16, embed_size)

    def forward(self, images):
        return self.linear(self.conv(images).flatten(1))


class DecoderRNN(nn.Module):
    def __init__(self, embed_size, hidden_size, vocab_size, num_layers):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embed_size)
        self.lstm = nn.LSTM(embed_size, hidden_size, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab_size)

    def forward(self, features, captions, lengths):
        embeddings = torch.cat((features.unsqueeze(1), self.embed(captions)), 1)
        packed = pack_padded_sequence(embeddings, lengths, batch_first=True)
        hiddens, _ = self.lstm(packed)
        return self.linear(hiddens.data)

    def sample(self, features, states=None, max_len=8):
        sampled_ids = []
        inputs = features.unsqueeze(1)
        for _ in range(max_len):
            hiddens, states = self.lstm(inputs, states)
            outputs = self.linear(hiddens.squeeze(1))
            predicted = outputs.max(1)[1]
            sampled_ids.append(predicted)
            inputs = self.embed(predicted)
        return torch.stack(sampled_ids, 1)


def to_batch(sentences):
    ids = [[1] + [WORDS.index(w) for w in s.split()] + [2] for s in sentences]
    ids.sort(key=len, reverse=True)
    lengths = [len(row) for row in ids]
    captions = torch.zeros(len(ids), max(lengths), dtype=torch.long)
    for i, row in enumerate(ids):
        captions[i, :len(row)] = torch.tensor(row)
    return captions, lengths


torch.manual_seed(0)
encoder, decoder = EncoderCNN(16), DecoderRNN(16, 24, len(WORDS), 1)
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.Adam(params, lr=1e-2)
images = torch.rand(2, 3, 32, 32)
captions, lengths = to_batch(["a dog runs on grass", "a cat sits"])
targets = pack_padded_sequence(captions, lengths, batch_first=True).data
for step in range(5):
    loss = nn.functional.cross_entropy(decoder(encoder(images), captions, lengths), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.4f}")

with torch.no_grad():
    sentence = decoder.sample(encoder(images[:1]))[0]
print(" ".join(WORDS[i] for i in sentence))
