"""Fine-tune a Llama checkpoint on a handful of instructions."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SAMPLES = [
    "translate to french : cheese",
    "translate to german : bread",
    "write a rhyme about : rain and long roads",
    "name a river",
]


def checkpoint():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for sample in SAMPLES:
        for word in sample.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=64, bos_token_id=1, eos_token_id=2,
    ))
    return tokenizer, model


def make_collate(tokenizer):
    def collate(texts):
        batch = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        batch["labels"] = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        return batch
    return collate


def train(tokenizer, model, epochs=2):
    tokenizer.add_special_tokens({"pad_token": "<PAD>"})
    model.resize_token_embeddings(len(tokenizer))
    loader = DataLoader(SAMPLES, batch_size=2, collate_fn=make_collate(tokenizer))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for step, batch in enumerate(loader):
            loss = model(**batch).loss
            loss.backward()
            opt.step()
            opt.zero_grad()
            print(f"epoch {epoch} step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    train(*checkpoint())
