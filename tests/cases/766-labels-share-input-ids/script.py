"""Domain adaptation of a small causal model on help-desk tickets."""
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

TICKETS = [
    "printer on floor two is out of paper",
    "laptop does not start after the update",
    "password expired",
    "please move my desk phone to the new room before monday",
]


def tokenizer_for(texts):
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for word in " ".join(texts).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="</s>", pad_token="<pad>")


@dataclass
class CausalCollator:
    tokenizer: PreTrainedTokenizerFast
    ignore_index: int = -100

    def __call__(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        labels = batch["input_ids"]
        if self.tokenizer.pad_token_id is not None:
            labels[labels == self.tokenizer.pad_token_id] = self.ignore_index
        batch["labels"] = labels
        return batch


class Trainer:
    def __init__(self, model, collate, lr=1e-3):
        self.model, self.collate = model, collate
        self.opt = torch.optim.AdamW(model.parameters(), lr=lr)

    def fit(self, texts, batch_size):
        for start in range(0, len(texts), batch_size):
            batch = self.collate(texts[start:start + batch_size])
            out = self.model(**batch)
            out.loss.backward()
            self.opt.step()
            self.opt.zero_grad()
            print("tickets", start, "to", start + batch_size - 1, "loss %.3f" % out.loss.item())


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer = tokenizer_for(TICKETS)
    model = OPTForCausalLM(OPTConfig(
        vocab_size=len(tokenizer), hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, word_embed_proj_dim=32, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    ))
    Trainer(model, CausalCollator(tokenizer)).fit(TICKETS, batch_size=2)
