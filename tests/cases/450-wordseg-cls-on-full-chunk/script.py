"""Chinese word segmentation as character tagging (B/M/E/S) with a small BERT."""
import re
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertForTokenClassification

TAGS = {"B": 0, "M": 1, "E": 2, "S": 3}
LINES = [
    "今天 天气 很 好",
    "我们 一起 去 公园 散步 ， 看见 一 只 小 狗 在 草地 上 奔跑",
    "研究 人员 发现 这 种 方法 可以 显著 提高 模型 的 准确 率 并且 减少 训练 时间 所 需 的 计算 资源 消耗",
    "他 说 ： 明天 再来 。",
]


@dataclass
class Config:
    max_len: int = 32
    batch_size: int = 2
    hidden: int = 32


class Vocab:
    def __init__(self, lines):
        chars = sorted(set("".join(lines)) - {" "})
        self.index = {c: i for i, c in enumerate(["[PAD]", "[CLS]"] + chars)}

    def __len__(self):
        return len(self.index)


def chunks(text, tags, size):
    for start in range(0, len(text), size):
        yield text[start:start + size], tags[start:start + size]


def read(lines, config):
    for line in lines:
        words = re.split(r"\s+", line)
        tags = "".join("S" if len(w) == 1 else "B" + "M" * (len(w) - 2) + "E" for w in words)
        yield from chunks("".join(words), tags, config.max_len)


class Collate:
    def __init__(self, vocab):
        self.vocab = vocab

    def __call__(self, samples):
        ids = [torch.tensor([self.vocab.index["[CLS]"]] + [self.vocab.index[c] for c in text]) for text, _ in samples]
        labels = [torch.tensor([-100] + [TAGS[t] for t in tags]) for _, tags in samples]
        ids = pad_sequence(ids, batch_first=True)
        return {
            "input_ids": ids, "attention_mask": (ids != 0).long(),
            "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
        }


def main(config=Config()):
    torch.manual_seed(0)
    vocab = Vocab(LINES)
    model = BertForTokenClassification(BertConfig(
        vocab_size=len(vocab), hidden_size=config.hidden, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=config.max_len, num_labels=len(TAGS),
    ))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    samples, collate = list(read(LINES, config)), Collate(vocab)
    for i in range(0, len(samples), config.batch_size):
        loss = model(**collate(samples[i:i + config.batch_size])).loss
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        print(f"batch {i // config.batch_size} loss {loss.item():.3f}")


main()
