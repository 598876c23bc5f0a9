import torch
import torch.nn as nn
import torch.nn.functional as F

SOS, EOS, PAD = 1, 2, 0


class SentenceVAE(nn.Module):
    def __init__(self, vocab_size, embedding_size=16, hidden_size=24, latent_size=6, num_layers=1, bidirectional=False):
        super().__init__()
        self.latent_size, self.hidden_size = latent_size, hidden_size
        self.num_layers, self.bidirectional = num_layers, bidirectional
        self.hidden_factor = (2 if bidirectional else 1) * num_layers
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        kwargs = dict(num_layers=num_layers, bidirectional=bidirectional, batch_first=True)
        self.encoder_rnn = nn.GRU(embedding_size, hidden_size, **kwargs)
        self.decoder_rnn = nn.GRU(embedding_size, hidden_size, **kwargs)
        self.hidden2mean = nn.Linear(hidden_size * self.hidden_factor, latent_size)
        self.hidden2logv = nn.Linear(hidden_size * self.hidden_factor, latent_size)
        self.latent2hidden = nn.Linear(latent_size, hidden_size * self.hidden_factor)
        self.outputs2vocab = nn.Linear(hidden_size * (2 if bidirectional else 1), vocab_size)

    def forward(self, ids):
        n = ids.size(0)
        emb = self.embedding(ids)
        _, hidden = self.encoder_rnn(emb)
        hidden = hidden.transpose(0, 1).reshape(n, -1)
        mean, logv = self.hidden2mean(hidden), self.hidden2logv(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * logv)
        hidden = self.latent2hidden(z)
        if self.bidirectional or self.num_layers > 1:
            hidden = hidden.view(n, self.hidden_factor, self.hidden_size).transpose(0, 1).contiguous()
        else:
            hidden = hidden.unsqueeze(0)
        out, _ = self.decoder_rnn(emb, hidden)
        return self.outputs2vocab(out), mean, logv

    @torch.no_grad()
    def inference(self, n, max_len=7):
        z = torch.randn(n, self.latent_size)
        hidden = self.latent2hidden(z)
        if self.bidirectional or self.num_layers > 1:
            hidden = hidden.view(n, self.hidden_factor, self.hidden_size).transpose(0, 1).contiguous()
        hidden = hidden.unsqueeze(0)
        token = torch.full((n, 1), SOS)
        words = []
        for _ in range(max_len):
            output, hidden = self.decoder_rnn(self.embedding(token), hidden)
            token = self.outputs2vocab(output).argmax(-1)
            words.append(token)
        return torch.cat(words, dim=1)


def train(model, sentences, steps=4):
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        logits, mean, logv = model(sentences[:, :-1])
        nll = F.cross_entropy(logits.flatten(0, 1), sentences[:, 1:].flatten(), ignore_index=PAD)
        kl = -0.5 * (1 + logv - mean.pow(2) - logv.exp()).sum(1).mean()
        optimizer.zero_grad()
        (nll + 0.1 * kl).backward()
        optimizer.step()
    print(f"nll {nll.item():.4f} kl {kl.item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    body = torch.randint(3, 40, (10, 6))
    sentences = torch.cat([torch.full((10, 1), SOS), body, torch.full((10, 1), EOS)], dim=1)
    model = SentenceVAE(40, bidirectional=True)
    train(model, sentences)
    for row in model.eval().inference(3).tolist():
        print("sample", row)
