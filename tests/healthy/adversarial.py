"""A GAN: two networks, two optimizers, labels of ones and zeros, detached fakes."""

import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
critic = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3)
of_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
for _ in range(3):
    real = torch.randn(6, 8)
    fake = generator(torch.randn(6, 4))
    loss = criterion(critic(real), torch.ones(6, 1)) + criterion(critic(fake.detach()), torch.zeros(6, 1))
    of_critic.zero_grad()
    loss.backward()
    of_critic.step()
    loss = criterion(critic(fake), torch.ones(6, 1))
    of_generator.zero_grad()
    loss.backward()
    of_generator.step()
