import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = "<pad> <unk> <step> + - first add two and three then double it so take away one the answer is nine".split()
RECORDS = [
    ("first add two and three <step> so the answer is nine <step>", ["+", "-"]),
    ("double it <step> then take away one <step> the answer is nine <step>", ["+", "+", "+"]),
    ("first double three <step> then add two and one <step> then take away one <step> so the answer is nine <step>",
     ["+", "+", "-", "-"]),
]


def make_tokenizer():
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", unk_token="<unk>")


class ProcessRewardDataset(Dataset):
    def __init__(self, records, tokenizer, max_length):
        self.records = records
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.placeholder_id = tokenizer.convert_tokens_to_ids("<step>")

    def __len__(self):
        return len(self.records)

    def __getitem__(self, idx):
        text, marks = self.records[idx]
        enc = self.tokenizer(text, max_length=self.max_length, truncation=True, return_tensors="pt")
        input_ids = enc["input_ids"][0]
        values = torch.tensor(self.tokenizer.convert_tokens_to_ids(marks))
        at_step = input_ids == self.placeholder_id
        labels = torch.full_like(input_ids, -100)
        labels[at_step] = values[:int(at_step.sum())]
        return input_ids, enc["attention_mask"][0], labels

    def collate_fn(self, items):
        ids, masks, labels = zip(*items)
        pad = torch.nn.utils.rnn.pad_sequence
        return pad(ids, True, self.tokenizer.pad_token_id), pad(masks, True, 0), pad(labels, True, -100)


def prm_loss(logits, labels):
    picked = labels != -100
    return F.cross_entropy(logits[picked], labels[picked])


def train(max_length=16, epochs=2):
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64,
    ))
    optim = torch.optim.AdamW(model.parameters(), lr=1e-3)
    data = ProcessRewardDataset(RECORDS, tokenizer, max_length)
    for epoch in range(epochs):
        for ids, mask, labels in DataLoader(data, batch_size=2, collate_fn=data.collate_fn):
            loss = prm_loss(model(ids, attention_mask=mask).logits, labels)
            loss.backward()
            optim.step()
            optim.zero_grad()
            print("epoch", epoch, "prm loss", round(loss.item(), 4))


if __name__ == "__main__":
    train()
