import io

import torch
import torch.nn as nn

QUESTIONS = {
    "train": ["what color is the cat", "how many dogs are there", "is the man wearing a hat"],
    "val": ["what is the man holding", "is there a cat", "how many hats are there"],
    "vg": ["where is the umbrella", "what color is the bus"],
}
ANSWERS = ["yes", "no", "two", "red", "umbrella"]
SPLITS = {"train": ["train", "vg"], "val": ["val"]}


class DataSet:
    def __init__(self, run_mode):
        self.questions = [q for split in SPLITS[run_mode] for q in QUESTIONS[split]]
        self.token_to_ix = self.tokenize(self.questions)
        self.token_size = len(self.token_to_ix)

    def tokenize(self, questions):
        table = {"PAD": 0, "UNK": 1}
        for question in questions:
            for word in question.split():
                table.setdefault(word, len(table))
        return table

    def batch(self, max_token=8):
        ids = torch.zeros(len(self.questions), max_token, dtype=torch.long)
        for row, question in zip(ids, self.questions):
            for i, word in enumerate(question.split()[:max_token]):
                row[i] = self.token_to_ix.get(word, 1)
        return ids


class Net(nn.Module):
    def __init__(self, token_size, answers, dim=16):
        super().__init__()
        self.embedding = nn.Embedding(token_size, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.proj = nn.Linear(dim, answers)

    def forward(self, ids):
        _, (state, _) = self.lstm(self.embedding(ids))
        return self.proj(state[-1])


def train():
    data = DataSet("train")
    net = Net(data.token_size, len(ANSWERS))
    loss = nn.functional.cross_entropy(net(data.batch()), torch.arange(len(data.questions)) % len(ANSWERS))
    print("train: tokens", data.token_size, "loss", round(loss.item(), 4))
    ckpt = io.BytesIO()
    torch.save({"state_dict": net.state_dict()}, ckpt)
    return ckpt.getvalue()


@torch.no_grad()
def evaluate(ckpt):
    data = DataSet("val")
    net = Net(data.token_size, len(ANSWERS)).eval()
    net.load_state_dict(torch.load(io.BytesIO(ckpt))["state_dict"])
    for question, best in zip(data.questions, net(data.batch()).argmax(-1).tolist()):
        print(question, "->", ANSWERS[best])


if __name__ == "__main__":
    torch.manual_seed(0)
    evaluate(train())
