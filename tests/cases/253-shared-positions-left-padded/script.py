"""Continue support tickets in one batch with a small GPT-2, with position ids made once for the batch."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

TICKETS = [
    "the printer on the second floor prints only blank pages since monday",
    "no sound",
    "my account was locked after the update",
]


def build_tokenizer(lines):
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    for line in lines:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        padding_side="left",
    )


class Responder:
    def __init__(self, tokenizer):
        torch.manual_seed(3)
        self.tokenizer = tokenizer
        self.model = GPT2LMHeadModel(GPT2Config(
            vocab_size=len(tokenizer), n_embd=48, n_layer=2, n_head=4, n_positions=64, initializer_range=0.5,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )).eval()

    def prepare(self, tickets):
        batch = self.tokenizer(tickets, padding=True, return_tensors="pt", return_token_type_ids=False)
        rows, width = batch["input_ids"].shape
        batch["position_ids"] = torch.arange(width).unsqueeze(0).expand(rows, width)
        return batch

    def answer(self, tickets, length=6):
        batch = self.prepare(tickets)
        out = self.model.generate(**batch, max_new_tokens=length, min_new_tokens=length, do_sample=False)
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].size(1):])


def main():
    responder = Responder(build_tokenizer(TICKETS))
    for ticket, answer in zip(TICKETS, responder.answer(TICKETS)):
        print(f"{ticket[:28]:<28} | {answer}")
    print(f"{TICKETS[1]:<28} | {responder.answer(TICKETS[1:2])[0]}   (asked alone)")


if __name__ == "__main__":
    main()
