"""Let a small T5 answer a batch of questions that were packed to one length."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

QUESTIONS = [
    "who wrote the book about the whale and the captain with one leg",
    "what is rain",
    "where do the geese go in winter",
    "who is the captain",
]


def make_tokenizer():
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for question in QUESTIONS:
        for word in question.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def package(ids, pad_id):
    content = len(ids)
    while content > 0 and ids[content - 1] == pad_id:
        content -= 1
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor([1] * content + [0] * (len(ids) - content)),
    }


class QuestionSet(Dataset):
    def __init__(self, texts, tokenizer, seq_length=16):
        pad_id = tokenizer.pad_token_id or tokenizer.eos_token_id
        rows = tokenizer(
            [f"{text} </s>" for text in texts], padding="max_length", max_length=seq_length, truncation=True
        )["input_ids"]
        self.samples = [package(row, pad_id) for row in rows]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


def make_model(vocab_size):
    torch.manual_seed(11)
    return T5ForConditionalGeneration(T5Config(
        vocab_size=vocab_size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, initializer_factor=4.0,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )).eval()


def main():
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    done = 0
    for batch in DataLoader(QuestionSet(QUESTIONS, tokenizer), batch_size=2):
        answers = model.generate(**batch, max_new_tokens=5, min_new_tokens=5, do_sample=False)
        for answer in tokenizer.batch_decode(answers, skip_special_tokens=True):
            print(f"{QUESTIONS[done][:28]:<28} -> {answer}")
            done += 1


if __name__ == "__main__":
    main()
