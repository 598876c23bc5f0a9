"""Nearest-neighbour search over pictures with a small convolutional auto-encoder."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class config:
    IMG_SIZE = 48
    BATCH_SIZE = 8
    EPOCHS = 2
    EMBEDDING_SHAPE = (1, 16, IMG_SIZE // 8, IMG_SIZE // 8)
    NEIGHBOURS = 3


class ConvEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.layers(x)


class ConvDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(16, 12, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(12, 8, 2, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(8, 3, 2, stride=2),
        )

    def forward(self, x):
        return self.layers(x)


def train_epoch(encoder, decoder, loader, loss_fn, optimizer):
    for (images,) in loader:
        optimizer.zero_grad()
        loss = loss_fn(decoder(encoder(images)), images)
        loss.backward()
        optimizer.step()
    return loss.item()


@torch.no_grad()
def create_embedding(encoder, loader):
    encoder.eval()
    embedding = torch.randn(config.EMBEDDING_SHAPE)
    for (images,) in loader:
        enc_output = encoder(images)
        embedding = torch.cat((embedding, enc_output), 0)
    return embedding[1:]


@torch.no_grad()
def similar(image, encoder, embedding):
    query = encoder(image.unsqueeze(0)).flatten(1)
    return torch.cdist(query, embedding.flatten(1))[0].argsort()[:config.NEIGHBOURS].tolist()


if __name__ == "__main__":
    torch.manual_seed(0)
    pictures = torch.rand(20, 3, config.IMG_SIZE, config.IMG_SIZE)
    loader = DataLoader(TensorDataset(pictures), batch_size=config.BATCH_SIZE)
    encoder, decoder = ConvEncoder(), ConvDecoder()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    for epoch in range(config.EPOCHS):
        print("epoch", epoch, "loss", round(train_epoch(encoder, decoder, loader, nn.MSELoss(), optimizer), 4))
    embedding = create_embedding(encoder, loader)
    print("embeddings", tuple(embedding.shape), "like 4:", similar(pictures[4], encoder, embedding))
