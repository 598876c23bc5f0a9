import torch
from torch import nn


class Listener(nn.Module):
    def __init__(self, mels=40, width=48, words=12):
        super().__init__()
        self.subsample = nn.Conv1d(mels, width, 5, stride=2, padding=2)
        self.encoder = nn.TransformerEncoderLayer(width, 4, 96, batch_first=True)
        self.head = nn.Linear(width, words)

    def listen(self, mel):
        return torch.relu(self.subsample(mel))

    def forward(self, mel):
        states = self.encoder(self.listen(mel))
        return self.head(states.mean(1))


torch.manual_seed(0)
print(Listener()(torch.randn(2, 40, 90)).shape)
