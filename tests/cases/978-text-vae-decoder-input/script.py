"""LSTM text VAE: the latent sample is fed to the decoder at every time step."""
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

config_model = SimpleNamespace(
    vocab_size=50,
    enc_emb_dim=24,
    dec_emb_dim=24,
    hidden_size=32,
    latent_dims=16,
    batch_size=32,
    kl_weight=0.1,
)


def kl_divergence(means, logvars):
    kl_cost = -0.5 * (logvars - means ** 2 - torch.exp(logvars) + 1.0)
    return kl_cost.mean(0).sum()


class VAE(nn.Module):
    def __init__(self, vocab_size, config_model):
        super().__init__()
        self.encoder_w_embedder = nn.Embedding(vocab_size, config_model.enc_emb_dim)
        self.encoder = nn.LSTM(config_model.enc_emb_dim, config_model.hidden_size, batch_first=True)

        self.decoder_w_embedder = nn.Embedding(vocab_size, config_model.dec_emb_dim)
        decoder_input = self.decoder_w_embedder.embedding_dim + config_model.batch_size
        self.decoder = nn.LSTM(decoder_input, config_model.hidden_size, batch_first=True)

        self.connector_mlp = nn.Linear(config_model.hidden_size * 2, config_model.latent_dims * 2)
        self.init_state = nn.Linear(config_model.latent_dims, config_model.hidden_size * 2)
        self.output_layer = nn.Linear(config_model.hidden_size, vocab_size)

    def forward(self, text_ids, kl_weight):
        _, states = self.encoder(self.encoder_w_embedder(text_ids))
        mean, logvar = self.connector_mlp(torch.cat(states, dim=-1).squeeze(0)).chunk(2, dim=1)
        latent_z = torch.distributions.Normal(mean, torch.exp(0.5 * logvar)).rsample()

        output_embed = self.decoder_w_embedder(text_ids[:, :-1])
        latent_steps = latent_z.unsqueeze(1).repeat(1, output_embed.size(1), 1)
        output_embed = torch.cat([output_embed, latent_steps], dim=2)
        h, c = self.init_state(latent_z).unsqueeze(0).chunk(2, dim=2)
        outputs, _ = self.decoder(output_embed, (h.contiguous(), c.contiguous()))

        logits = self.output_layer(outputs)
        rc_loss = F.cross_entropy(logits.flatten(0, 1), text_ids[:, 1:].flatten())
        return rc_loss + kl_weight * kl_divergence(mean, logvar), rc_loss


def main():
    torch.manual_seed(1)
    corpus = torch.randint(1, config_model.vocab_size, (96, 12))
    train_data = DataLoader(TensorDataset(corpus), batch_size=config_model.batch_size, shuffle=True)
    model = VAE(config_model.vocab_size, config_model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(2):
        for (text_ids,) in train_data:
            nll, rc_loss = model(text_ids, config_model.kl_weight)
            optimizer.zero_grad()
            nll.backward()
            optimizer.step()
        print(f"epoch {epoch} nll {nll.item():.4f} rc {rc_loss.item():.4f}")


if __name__ == "__main__":
    main()
