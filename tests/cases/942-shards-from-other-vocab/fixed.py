"""Preprocess dialogues into id shards, then train a small utterance ranker on top of BERT."""
import torch
from torch import nn
from transformers import BertConfig, BertModel

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
BERT_DIRS = {
    "bert/chinese_bert": {"vocab": SPECIAL + list("我们想要退货请问订单号"), "hidden_size": 32},
    "bert/english_bert": {
        "vocab": SPECIAL + "i would like to return this what is your order number please it arrived broken".split(),
        "hidden_size": 32,
    },
}
DIALOGUES = [
    ["it arrived broken", "i would like to return it", "what is your order number please"],
    ["i would like to return this", "what is the number please"],
]


def load_vocab(bert_dir):
    return {word: i for i, word in enumerate(BERT_DIRS[bert_dir]["vocab"])}


def preprocess(dialogues, bert_dir):
    vocab = load_vocab(bert_dir)
    shards = []
    for turns in dialogues:
        rows = [["[CLS]"] + turn.split() + ["[SEP]"] for turn in turns]
        width = max(map(len, rows))
        src = torch.zeros(len(rows), width, dtype=torch.long)
        for r, words in enumerate(rows):
            src[r, :len(words)] = torch.tensor([vocab.get(w, vocab["[UNK]"]) for w in words])
        shards.append({"src": src, "mask": (src != vocab["[PAD]"]).long()})
    return shards


class Ranker(nn.Module):
    def __init__(self, bert_dir):
        super().__init__()
        spec = BERT_DIRS[bert_dir]
        self.bert = BertModel(BertConfig(
            vocab_size=len(spec["vocab"]), hidden_size=spec["hidden_size"], num_hidden_layers=2,
            num_attention_heads=4, intermediate_size=64, max_position_embeddings=64,
        ))
        self.score = nn.Linear(spec["hidden_size"], 1)

    def forward(self, src, mask):
        top = self.bert(input_ids=src, attention_mask=mask).last_hidden_state
        return self.score(top[:, 0]).squeeze(-1)


def train(shards, bert_dir="bert/chinese_bert", lr=1e-3):
    torch.manual_seed(0)
    model = Ranker(bert_dir)
    opt = torch.optim.Adam(model.parameters(), lr)
    for step, shard in enumerate(shards):
        scores = model(shard["src"], shard["mask"])
        loss = nn.functional.cross_entropy(scores.unsqueeze(0), torch.tensor([0]))
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"step {step} utterances {len(scores)} loss {loss.item():.4f}")


if __name__ == "__main__":
    shards = preprocess(DIALOGUES, "bert/english_bert")
    print("shards:", len(shards))
    train(shards, "bert/english_bert")
