"""Continued pretraining on a handful of short articles."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

ARTICLES = [
    {"title": "tea", "text": "tea grows on hills and likes rain"},
    {"title": "river", "text": "the river is wide and slow"},
    {"title": "ferry", "text": "the ferry crosses the river twice a day and more often in summer"},
    {"title": "market", "text": "fish , fruit and tea are sold at the market"},
]
TEMPLATE = "title : {title} article : {text} </s>"


def get_tokenizer():
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for article in ARTICLES:
        for word in TEMPLATE.format(**article).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def format_and_tokenize(article, tokenizer, max_length=64):
    enc = tokenizer(
        TEMPLATE.format(**article), truncation=True, max_length=max_length, return_token_type_ids=False
    )
    enc["labels"] = list(enc["input_ids"])
    return dict(enc)


def train(model, loader, epochs=2):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(epochs):
        total = 0.0
        for batch in loader:
            loss = model(**batch).loss
            loss.backward()
            opt.step()
            opt.zero_grad()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(loader):.3f}")


def main():
    torch.manual_seed(0)
    tokenizer = get_tokenizer()
    data = [format_and_tokenize(a, tokenizer) for a in ARTICLES]
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    ))
    collator = DataCollatorWithPadding(tokenizer)
    print("single sample keys", sorted(collator(data[:1])))
    train(model, DataLoader(data, batch_size=2, collate_fn=collator))


if __name__ == "__main__":
    main()
