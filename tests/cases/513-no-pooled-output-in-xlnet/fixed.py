"""GAN-BERT: a text classifier whose discriminator also has to spot generated sentence vectors."""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel, XLNetConfig, XLNetModel

HIDDEN, NOISE, LABELS = 48, 16, 3


def load_encoder(name):
    torch.manual_seed(0)
    if name.startswith("bert"):
        return BertModel(BertConfig(
            vocab_size=90, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
            max_position_embeddings=40,
        ))
    return XLNetModel(XLNetConfig(vocab_size=90, d_model=HIDDEN, n_layer=2, n_head=4, d_inner=96))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(NOISE, 64), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(64, HIDDEN))

    def forward(self, noise):
        return self.layers(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.1), nn.Linear(HIDDEN, 64), nn.LeakyReLU(0.2))
        self.logit = nn.Linear(64, LABELS + 1)

    def forward(self, rep):
        features = self.layers(rep)
        return features, self.logit(features)


def batches(count=3, rows=8, length=14):
    gen = torch.Generator().manual_seed(2)
    for _ in range(count):
        ids = torch.randint(5, 90, (rows, length), generator=gen)
        yield ids, torch.ones_like(ids), torch.randint(0, LABELS, (rows,), generator=gen)


def train_epoch(encoder_name):
    transformer, generator, discriminator = load_encoder(encoder_name), Generator(), Discriminator()
    gen_opt = torch.optim.AdamW(generator.parameters(), lr=5e-4)
    dis_opt = torch.optim.AdamW([*transformer.parameters(), *discriminator.parameters()], lr=5e-4)
    total = 0.0
    for ids, mask, labels in batches():
        rows = ids.size(0)
        model_outputs = transformer(ids, attention_mask=mask)
        hidden_states = model_outputs.last_hidden_state[:, -1] if "xlnet" in encoder_name else model_outputs[-1]
        gen_rep = generator(torch.rand(rows, NOISE))
        features, logits = discriminator(torch.cat([hidden_states, gen_rep], dim=0))
        real, fake = features.split(rows)
        p_fake = F.softmax(logits, dim=-1)[:, -1].split(rows)
        g_loss = -torch.log(1 - p_fake[1] + 1e-8).mean() + (real.mean(0) - fake.mean(0)).pow(2).mean()
        d_loss = F.cross_entropy(logits[:rows, :-1], labels) - torch.log(1 - p_fake[0] + 1e-8).mean()
        d_loss = d_loss - torch.log(p_fake[1] + 1e-8).mean()
        for opt in (gen_opt, dis_opt):
            opt.zero_grad()
        g_loss.backward(retain_graph=True)
        d_loss.backward()
        for opt in (gen_opt, dis_opt):
            opt.step()
        total += d_loss.item()
    return total / 3


if __name__ == "__main__":
    for name in ("bert-base-cased", "xlnet-base-cased"):
        print(f"{name:<18} discriminator loss {train_epoch(name):.3f}")
