"""Answer a question file in batches and store one continuation per question."""
import json
from functools import partial

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

QUESTIONS = [
    "how are you ?",
    "what is the best ai algorithm for sorting letters by their age and smell ?",
    "why ?",
    "name a river in the south of france .",
]
SETTINGS = {
    "tokenizer": {"padding_side": "left", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"},
    "generation": {"max_new_tokens": 7, "min_new_tokens": 7, "do_sample": False},
    "batch_size": 2,
}


def load_tokenizer(texts, options):
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    for word in " ".join(texts).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", **options)


def load_model(tokenizer):
    torch.manual_seed(11)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, initializer_range=0.4, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )).eval()


def collate(texts, tokenizer):
    return texts, tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)


def answer(model, tokenizer, questions):
    loader = DataLoader(questions, batch_size=SETTINGS["batch_size"], collate_fn=partial(collate, tokenizer=tokenizer))
    for texts, inputs in loader:
        sequences = model.generate(**inputs, **SETTINGS["generation"])
        new = sequences[:, inputs["input_ids"].size(1):]
        for text, ids in zip(texts, new):
            yield {"question": text, "answer": tokenizer.decode(ids, skip_special_tokens=True)}


if __name__ == "__main__":
    tokenizer = load_tokenizer(QUESTIONS, SETTINGS["tokenizer"])
    model = load_model(tokenizer)
    for record in answer(model, tokenizer, QUESTIONS):
        print(json.dumps(record))
