import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

batch_size = 16
nz = 24
epochs = 2


class Generator(nn.Module):
    def __init__(self, nz):
        super(Generator, self).__init__()
        self.main = nn.Sequential(
            nn.Flatten(),
            nn.Linear(nz, 32),
            nn.LeakyReLU(0.2),
            nn.Linear(32, 64),
            nn.LeakyReLU(0.2),
            nn.Linear(64, batch_size),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.main(x).view(-1, 1, 4, 4)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.n_input = batch_size
        self.main = nn.Sequential(
            nn.Linear(self.n_input, 64),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(64, 32),
            nn.LeakyReLU(0.2),
            nn.Linear(32, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        x = x.view(-1, self.n_input)
        return self.main(x)


def load_scans(n=64, side=12):
    grid = torch.linspace(-1, 1, side)
    radius = torch.rand(n, 1, 1) * 0.6 + 0.3
    disc = (grid.view(1, -1, 1) ** 2 + grid.view(1, 1, -1) ** 2 < radius ** 2).float()
    return TensorDataset((disc * 2 - 1).unsqueeze(1))


def train_discriminator(optimizer, data_real, data_fake):
    optimizer.zero_grad()
    loss_real = criterion(discriminator(data_real), torch.ones(data_real.size(0), 1))
    loss_fake = criterion(discriminator(data_fake), torch.zeros(data_fake.size(0), 1))
    (loss_real + loss_fake).backward()
    optimizer.step()
    return (loss_real + loss_fake).item()


torch.manual_seed(7)
train_loader = DataLoader(load_scans(), batch_size=batch_size, shuffle=True)
generator, discriminator = Generator(nz), Discriminator()
optim_g = torch.optim.Adam(generator.parameters(), lr=0.0002)
optim_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002)
criterion = nn.BCELoss()
for epoch in range(epochs):
    for (image,) in train_loader:
        loss_d = train_discriminator(optim_d, image, generator(torch.randn(len(image), nz)).detach())
        optim_g.zero_grad()
        loss_g = criterion(discriminator(generator(torch.randn(len(image), nz))), torch.ones(len(image), 1))
        loss_g.backward()
        optim_g.step()
    print(f"Epoch {epoch}: generator loss {loss_g.item():.4f}, discriminator loss {loss_d:.4f}")
