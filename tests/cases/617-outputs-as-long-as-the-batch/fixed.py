import random

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, SOS, EOS = 0, 1, 2
MAX_LENGTH = 12
PAIRS = [
    ("i am cold", "ich friere"), ("he runs", "er rennt"), ("she sings well", "sie singt gut"), ("we are here", "wir sind hier"),
    ("the dog barks", "der hund bellt laut"), ("they sleep", "sie schlafen"), ("you read a book", "du liest gerade ein buch"),
    ("it rains", "es regnet"),
]


class Lang:
    def __init__(self, sentences):
        self.index = {"PAD": PAD, "SOS": SOS, "EOS": EOS}
        for word in " ".join(sentences).split():
            self.index.setdefault(word, len(self.index))
        self.n_words = len(self.index)

    def indexes(self, sentence):
        return [self.index[w] for w in sentence.split()] + [EOS]


def pad_seq(seq, max_length):
    return seq + [PAD] * (max_length - len(seq))


def random_batch(batch_size, source, target):
    chosen = random.sample(PAIRS, batch_size)
    rows = sorted(((source.indexes(a), target.indexes(b)) for a, b in chosen), key=lambda r: len(r[0]), reverse=True)
    inputs, targets = zip(*rows)
    input_lengths, target_lengths = [len(s) for s in inputs], [len(s) for s in targets]
    input_batch = torch.tensor([pad_seq(s, max(input_lengths)) for s in inputs]).t()
    target_batch = torch.tensor([pad_seq(s, max(target_lengths)) for s in targets]).t()
    return input_batch, input_lengths, target_batch, target_lengths


class EncoderRNN(nn.Module):
    def __init__(self, n_words, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(n_words, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)

    def forward(self, seqs, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(seqs), lengths)
        outputs, hidden = self.gru(packed)
        return nn.utils.rnn.pad_packed_sequence(outputs)[0], hidden


class LuongDecoderRNN(nn.Module):
    def __init__(self, hidden_size, n_words):
        super().__init__()
        self.embedding = nn.Embedding(n_words, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)
        self.concat = nn.Linear(hidden_size * 2, hidden_size)
        self.out = nn.Linear(hidden_size, n_words)

    def forward(self, word, hidden, encoder_outputs):
        output, hidden = self.gru(self.embedding(word).unsqueeze(0), hidden)
        energy = torch.einsum("nh,snh->ns", output[0], encoder_outputs)
        context = torch.einsum("ns,snh->nh", energy.softmax(-1), encoder_outputs)
        return self.out(torch.tanh(self.concat(torch.cat((output[0], context), 1)))), hidden


def masked_cross_entropy(logits, target, length):
    log_probs = F.log_softmax(logits.flatten(0, 1), dim=-1)
    losses = -torch.gather(log_probs, 1, target.reshape(-1, 1)).view(*target.shape)
    mask = torch.arange(target.size(1)).unsqueeze(0) < torch.tensor(length).unsqueeze(1)
    return (losses * mask).sum() / mask.sum()


def train(batch, encoder, decoder, optimizer):
    input_batch, input_lengths, target_batch, target_lengths = batch
    encoder_outputs, hidden = encoder(input_batch, input_lengths)
    decoder_input = torch.full((input_batch.size(1),), SOS)
    all_decoder_outputs = []
    for t in range(max(target_lengths)):
        output, hidden = decoder(decoder_input, hidden, encoder_outputs)
        all_decoder_outputs.append(output)
        decoder_input = target_batch[t]
    loss = masked_cross_entropy(torch.stack(all_decoder_outputs, 1), target_batch.t(), target_lengths)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
    random.seed(2)
    torch.manual_seed(2)
    english, german = Lang([a for a, _ in PAIRS]), Lang([b for _, b in PAIRS])
    encoder, decoder = EncoderRNN(english.n_words, 24), LuongDecoderRNN(24, german.n_words)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
    print("words", english.n_words, german.n_words)
    for step in range(20):
        loss = train(random_batch(4, english, german), encoder, decoder, optimizer)
        if step % 5 == 4:
            print(f"step {step + 1} loss {loss:.3f}")
