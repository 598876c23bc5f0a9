"""Visual instruction tuning: conversations with pictures for a LLaVA style model."""
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader, Dataset
from transformers import (
    CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast,
)

RECORDS = [
    {"image": 3, "conversations": ["<image> what is on the table", "a red cup"]},
    {"image": 8, "conversations": ["<image> is the door open", "no it is closed"]},
]


@dataclass
class DataArguments:
    image_token: str = "<image>"
    image_seq_length: int = 1
    image_size: int = 24
    ignore_index: int = -100


class ConversationDataset(Dataset):
    def __init__(self, records, tokenizer, args):
        self.records, self.tokenizer, self.args = records, tokenizer, args

    def __len__(self):
        return len(self.records)

    def load_image(self, seed):
        gen = torch.Generator().manual_seed(seed)
        return torch.rand(3, self.args.image_size, self.args.image_size, generator=gen)

    def __getitem__(self, i):
        record = self.records[i]
        question, answer = record["conversations"]
        slots = " ".join([self.args.image_token] * self.args.image_seq_length)
        question = question.replace(self.args.image_token, slots)
        prompt = self.tokenizer(f"user : {question} assistant :")["input_ids"]
        target = self.tokenizer(f"{answer} </s>")["input_ids"]
        return {
            "input_ids": torch.tensor(prompt + target),
            "labels": torch.tensor([self.args.ignore_index] * len(prompt) + target),
            "pixel_values": self.load_image(record["image"]),
        }


def make_tokenizer():
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<image>": 4, "user": 5, "assistant": 6, ":": 7}
    for record in RECORDS:
        for word in " ".join(record["conversations"]).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", pad_token="<pad>", eos_token="</s>")


def make_model(vocab_size, image_size, patch_size=8):
    torch.manual_seed(0)
    vision = CLIPVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                              image_size=image_size, patch_size=patch_size)
    text = LlamaConfig(vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128)
    return LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=4))


if __name__ == "__main__":
    tokenizer, args = make_tokenizer(), DataArguments()
    model = make_model(len(tokenizer), args.image_size)
    print("parameters", sum(p.numel() for p in model.parameters()))
    for step, batch in enumerate(DataLoader(ConversationDataset(RECORDS, tokenizer, args), batch_size=1)):
        print("step", step, "loss %.3f" % model(**batch).loss.item())
