import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

PAD, START, EOS = 0, 1, 2
mb_size, z_dim, c_dim, emb_dim = 16, 20, 2, 24


class ControlledTextVAE(nn.Module):
    def __init__(self, n_vocab):
        super().__init__()
        self.word_emb = nn.Embedding(n_vocab, emb_dim, padding_idx=PAD)
        self.encoder = nn.GRU(emb_dim, 32)
        self.q_mu, self.q_logvar = nn.Linear(32, z_dim), nn.Linear(32, z_dim)
        self.decoder = nn.LSTM(emb_dim, z_dim + c_dim)
        self.decoder_fc = nn.Linear(z_dim + c_dim, n_vocab)

    def forward_encoder(self, sentence):
        _, h = self.encoder(self.word_emb(sentence))
        return self.q_mu(h[-1]), self.q_logvar(h[-1])

    def sample_c_prior(self, n):
        return torch.eye(c_dim)[torch.randint(c_dim, (n,))]

    def forward_decoder(self, sentence, z, c):
        state = torch.cat([z, c], dim=1).unsqueeze(0)
        hidden = (state, torch.zeros_like(state))
        word = torch.full((1, mb_size), START)
        logits = []
        for t in range(sentence.size(0)):
            out, hidden = self.decoder(self.word_emb(word), hidden)
            logits.append(self.decoder_fc(out[0]))
            word = sentence[t:t + 1]
        return torch.stack(logits)

    def forward(self, sentence):
        mu, logvar = self.forward_encoder(sentence)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        c = self.sample_c_prior(sentence.size(1))
        logits = self.forward_decoder(sentence, z, c)
        recon = F.cross_entropy(logits.flatten(0, 1), sentence.flatten(), ignore_index=PAD)
        kl = 0.5 * (logvar.exp() + mu ** 2 - 1 - logvar).sum(1).mean()
        return recon, kl


def read_corpus(n, n_vocab):
    gen = torch.Generator().manual_seed(5)
    for i in range(n):
        words = torch.randint(3, n_vocab, (4 + i % 5,), generator=gen)
        yield torch.cat([words, torch.tensor([EOS])])


def main():
    torch.manual_seed(0)
    corpus = list(read_corpus(42, 60))
    loader = DataLoader(corpus, batch_size=mb_size, collate_fn=lambda rows: pad_sequence(rows, padding_value=PAD))
    model = ControlledTextVAE(60)
    trainer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for it, sentence in enumerate(loader):
        recon, kl = model(sentence)
        (recon + 0.1 * kl).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        trainer.step()
        trainer.zero_grad()
        print(f"iter {it} recon {recon.item():.3f} kl {kl.item():.3f}")


if __name__ == "__main__":
    main()
