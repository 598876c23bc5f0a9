"""Tokenise text shards once, keep them small on disk, then pretrain a masked language model on them."""
import pathlib
import tempfile

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import ElectraConfig, ElectraForMaskedLM

SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
BLOCKS = [(0x20, 0x7F), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4)]
SHARDS = {
    "en": ["the cat sat on the mat", "a small boat on the lake", "we read two books a week", "rain again in the north"],
    "zh": ["天气很好我们去公园", "他在学校学习中文", "这本书非常有意思", "今天晚上吃什么"],
    "ko": ["한국어를 공부합니다", "오늘 날씨가 좋아요", "학교에 갑니다", "책을 읽고 있어요"],
}


class CharTokenizer:
    def __init__(self):
        tokens = SPECIALS + [chr(c) for low, high in BLOCKS for c in range(low, high)]
        self.ids = {token: i for i, token in enumerate(tokens)}

    def __len__(self):
        return len(self.ids)

    def encode(self, text, max_length):
        body = [self.ids[c] for c in text][: max_length - 2]
        row = [self.ids["[CLS]"], *body, self.ids["[SEP]"]]
        return row + [self.ids["[PAD]"]] * (max_length - len(row))


def binarize(tokenizer, shards, folder, max_length=28):
    paths = []
    for name, lines in shards.items():
        ids = torch.tensor([tokenizer.encode(line, max_length) for line in lines])
        path = folder / f"{name}.pt"
        torch.save(ids.to(torch.int16), path)
        paths.append(path)
    return paths


def mask_tokens(ids, mask_id, generator, probability=0.15):
    chosen = (torch.rand(ids.shape, generator=generator) < probability) & (ids != 0)
    labels = ids.masked_fill(~chosen, -100)
    return ids.masked_fill(chosen, mask_id), labels


def build_model(vocab_size):
    torch.manual_seed(0)
    return ElectraForMaskedLM(ElectraConfig(
        vocab_size=vocab_size, embedding_size=16, hidden_size=32, intermediate_size=64,
        num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64,
    ))


def pretrain(model, tokenizer, paths):
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for path in paths:
        shard = TensorDataset(torch.load(path).long())
        for (ids,) in DataLoader(shard, batch_size=4):
            inputs, labels = mask_tokens(ids, tokenizer.ids["[MASK]"], generator)
            loss = model(inputs, attention_mask=(ids != 0).long(), labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"{path.stem}: {len(shard)} rows, loss {loss.item():.2f}")


def main():
    tokenizer = CharTokenizer()
    print("vocabulary", len(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        paths = binarize(tokenizer, SHARDS, pathlib.Path(folder))
        pretrain(build_model(len(tokenizer)), tokenizer, paths)


if __name__ == "__main__":
    main()
