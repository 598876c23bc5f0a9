"""Intent classifier of a small chatbot: bag of words into a feed-forward net."""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

INTENTS = {
    "greeting": ["hi", "hello there", "good day", "is anyone here"],
    "goodbye": ["bye", "see you later", "good night"],
    "payments": ["do you take credit cards", "can i pay with cash", "is there a card fee"],
    "delivery": ["how long does delivery take", "when do i get my order", "where is my parcel"],
    "funny": ["tell me a joke", "do you know a joke"],
}

xy = [(pattern.split(), tag) for tag, patterns in INTENTS.items() for pattern in patterns]
all_words = sorted({w for words, _ in xy for w in words})
tags = sorted(INTENTS)


def bag_of_words(sentence):
    return torch.tensor([float(w in sentence) for w in all_words])


class ChatDataset(Dataset):
    def __len__(self):
        return len(xy)

    def __getitem__(self, index):
        words, tag = xy[index]
        return bag_of_words(words), tags.index(tag)


class NeuralNet(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes, depth=1):
        super().__init__()
        layers = []
        for _ in range(depth):
            layers += [nn.Linear(input_size, hidden_size), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        return self.out(self.body(x))


def train(depth, epochs=60):
    model = NeuralNet(len(all_words), 8, len(tags), depth=depth)
    loader = DataLoader(ChatDataset(), batch_size=8, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for words, labels in loader:
            loss = criterion(model(words), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"depth {depth} final loss {loss.item():.4f}")
    return model.eval()


def answer(model, sentence):
    probs = model(bag_of_words(sentence.split()).unsqueeze(0)).softmax(dim=1)
    score, index = probs.max(dim=1)
    return tags[index.item()] if score.item() > 0.5 else "unknown"


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    for depth in (1, 2):
        bot = train(depth)
        print([answer(bot, s) for s in ("hello there", "where is my order", "can i pay with a card")])
