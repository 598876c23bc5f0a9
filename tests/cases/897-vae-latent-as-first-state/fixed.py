import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)

    def forward(self, x):
        _, (hidden, cell) = self.lstm(x)
        return hidden, cell


class Decoder(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, num_layers):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x, hidden):
        output, hidden = self.lstm(x, hidden)
        return self.fc(output), hidden


class LSTMVAE(nn.Module):
    def __init__(self, input_size=6, hidden_size=24, latent_size=8, num_layers=1):
        super().__init__()
        self.encoder = Encoder(input_size, hidden_size, num_layers)
        self.decoder = Decoder(latent_size, hidden_size, input_size, num_layers)
        self.fc_mean = nn.Linear(hidden_size, latent_size)
        self.fc_log_var = nn.Linear(hidden_size, latent_size)
        self.fc_hidden = nn.Linear(latent_size, hidden_size)

    def reparametrize(self, mean, log_var):
        return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)

    def forward(self, x):
        batch_size, seq_len, _ = x.shape
        hidden, _ = self.encoder(x)
        mean, log_var = self.fc_mean(hidden[-1]), self.fc_log_var(hidden[-1])
        z = self.reparametrize(mean, log_var)
        h_ = self.fc_hidden(z).unsqueeze(0)
        steps = z.unsqueeze(1).repeat(1, seq_len, 1)
        hidden = (h_.contiguous(), h_.contiguous())
        x_hat, _ = self.decoder(steps, hidden)
        return x_hat, mean, log_var


def loss_fn(x_hat, x, mean, log_var, kld_weight=0.0025):
    recon = nn.functional.mse_loss(x_hat, x)
    kld = -0.5 * (1 + log_var - mean ** 2 - log_var.exp()).sum(dim=1).mean()
    return recon + kld_weight * kld


def sine_windows(n, length=20, channels=6):
    phase = torch.rand(n, 1, channels) * 6.28
    return torch.sin(torch.linspace(0, 6.28, length).view(1, length, 1) + phase)


torch.manual_seed(0)
model = LSTMVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
print("parameters", sum(p.numel() for p in model.parameters()))
for epoch in range(3):
    for x in sine_windows(48).split(16):
        x_hat, mean, log_var = model(x)
        loss = loss_fn(x_hat, x, mean, log_var)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))
