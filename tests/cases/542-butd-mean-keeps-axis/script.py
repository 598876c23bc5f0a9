"""Bottom-up top-down captioning: two LSTM cells and attention over region features."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

CONFIG = {"vocab": 50, "regions": 6, "feature_dim": 24, "embedding_dim": 16, "hidden_dim": 32, "batch_size": 4}
START = 1


class CaptionData(Dataset):
    def __init__(self, cfg, count=10, length=7):
        gen = torch.Generator().manual_seed(3)
        self.features = torch.rand(count, cfg["regions"], cfg["feature_dim"], generator=gen)
        self.captions = torch.randint(2, cfg["vocab"], (count, length), generator=gen)
        self.captions[:, 0] = START

    def __len__(self):
        return len(self.features)

    def __getitem__(self, i):
        return {"image_feature_0": self.features[i], "text": self.captions[i]}


class ImageEncoder(nn.Module):
    def forward(self, regions):
        regions = F.normalize(regions, dim=-1)
        return regions, regions.mean(dim=1, keepdim=True)


class TopDownDecoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        hidden, features = cfg["hidden_dim"], cfg["feature_dim"]
        self.attention_lstm = nn.LSTMCell(hidden + features + cfg["embedding_dim"], hidden)
        self.language_lstm = nn.LSTMCell(hidden + features, hidden)
        self.attend = nn.Sequential(nn.Linear(features + hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.logits = nn.Linear(hidden, cfg["vocab"])

    def forward(self, embedding, regions, image_feat_mean, states):
        (h1, c1), (h2, c2) = states
        h1, c1 = self.attention_lstm(torch.cat([h2, image_feat_mean, embedding], dim=1), (h1, c1))
        query = h1.unsqueeze(1).expand(-1, regions.size(1), -1)
        weights = self.attend(torch.cat([regions, query], dim=-1)).softmax(dim=1)
        attended = (weights * regions).sum(dim=1)
        h2, c2 = self.language_lstm(torch.cat([attended, h1], dim=1), (h2, c2))
        return self.logits(h2), ((h1, c1), (h2, c2))


class BUTD(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.hidden = cfg["hidden_dim"]
        self.image = ImageEncoder()
        self.words = nn.Embedding(cfg["vocab"], cfg["embedding_dim"])
        self.decoder = TopDownDecoder(cfg)

    def forward(self, sample):
        regions, mean = self.image(sample["image_feature_0"])
        zero = regions.new_zeros(regions.size(0), self.hidden)
        states, scores = ((zero, zero), (zero, zero)), []
        for word in self.words(sample["text"][:, :-1]).unbind(1):
            step, states = self.decoder(word, regions, mean, states)
            scores.append(step)
        return torch.stack(scores, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = BUTD(CONFIG)
    opt = torch.optim.Adamax(model.parameters(), lr=5e-3)
    for i, sample in enumerate(DataLoader(CaptionData(CONFIG), batch_size=CONFIG["batch_size"])):
        loss = F.cross_entropy(model(sample).flatten(0, 1), sample["text"][:, 1:].flatten())
        opt.zero_grad(); loss.backward(); opt.step()
        print(f"batch {i} caption loss {loss.item():.3f}")
