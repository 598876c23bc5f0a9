import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

SESSIONS = [
    ("u1", ["tea", "mug", "kettle"], "honey"),
    ("u2", ["mug", "lamp"], "desk"),
    ("u3", ["desk", "chair", "lamp", "pen"], "paper"),
    ("u4", ["tea", "honey"], "spoon"),
    ("u5", ["pen"], "paper"),
]


class SessionData:
    def __init__(self, sessions):
        self.rows = sessions
        items = {"[PAD]": 0}
        self.field2id = {"user": {"[PAD]": 0}, "item": items, "item_list": items}
        for user, history, target in sessions:
            self._remap("user", [user])
            self._remap("item", [target])
            self._remap("item_list", history)

    def _remap(self, field, tokens):
        table = self.field2id[field]
        for token in tokens:
            table.setdefault(token, len(table))

    def num(self, field):
        return len(self.field2id[field])

    def batches(self, size):
        items, lists = self.field2id["item"], self.field2id["item_list"]
        for i in range(0, len(self.rows), size):
            part = self.rows[i:i + size]
            histories = [torch.tensor([lists[t] for t in h]) for _, h, _ in part]
            yield pad_sequence(histories, batch_first=True), torch.tensor([items[t] for *_, t in part])


class GRU4Rec(nn.Module):
    def __init__(self, data, dim=16):
        super().__init__()
        self.n_items = data.num("item")
        self.item_embedding = nn.Embedding(self.n_items, dim, padding_idx=0)
        self.gru = nn.GRU(dim, dim, batch_first=True)

    def forward(self, item_seq):
        _, last = self.gru(self.item_embedding(item_seq))
        return last[0] @ self.item_embedding.weight.t()


def main():
    torch.manual_seed(0)
    data = SessionData(SESSIONS)
    print("sessions", len(data.rows), "users", data.num("user"))
    model = GRU4Rec(data)
    optim = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(2):
        for item_seq, target in data.batches(2):
            loss = nn.functional.cross_entropy(model(item_seq), target)
            optim.zero_grad()
            loss.backward()
            optim.step()
        print("epoch", epoch, "loss", round(loss.item(), 4))


if __name__ == "__main__":
    main()
