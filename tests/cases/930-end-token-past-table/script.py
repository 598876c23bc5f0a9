"""Train a word level tokenizer on a few poems, then a GPT-2 from scratch on them."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

POEMS = [
    "over all the hilltops is quiet now",
    "in all the treetops hearest thou hardly a breath",
    "the birds are asleep in the trees",
    "wait soon like these thou too shalt rest",
]


def train_tokenizer(texts):
    core = Tokenizer(models.WordLevel(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=["<unk>"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<|endoftext|>", eos_token="<|endoftext|>",
        pad_token="<|pad|>",
    )


class BlockDataset(Dataset):
    """All poems one after the other, cut into blocks of equal length."""

    def __init__(self, tokenizer, texts, block_size):
        stream = []
        for text in texts:
            stream += tokenizer(text)["input_ids"] + [tokenizer.eos_token_id]
        self.blocks = [stream[i:i + block_size] for i in range(0, len(stream) - block_size + 1, block_size)]

    def __len__(self):
        return len(self.blocks)

    def __getitem__(self, index):
        return torch.tensor(self.blocks[index])


def new_model(tokenizer, block_size):
    config = GPT2Config(
        vocab_size=tokenizer.vocab_size,
        n_positions=block_size,
        n_embd=32,
        n_layer=2,
        n_head=4,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return GPT2LMHeadModel(config)


def run_epoch(model, loader, optimizer):
    losses = []
    for block in loader:
        out = model(input_ids=block, labels=block)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        losses.append(out.loss.item())
    return sum(losses) / len(losses)


def main(block_size=8):
    torch.manual_seed(0)
    tokenizer = train_tokenizer(POEMS)
    data = BlockDataset(tokenizer, POEMS, block_size)
    model = new_model(tokenizer, block_size)
    print(len(data), "blocks,", sum(p.numel() for p in model.parameters()), "parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(data, batch_size=2)
    for epoch in range(2):
        print("epoch", epoch, "loss %.3f" % run_epoch(model, loader, optimizer))


if __name__ == "__main__":
    main()
