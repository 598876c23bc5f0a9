"""Adapt a small CamemBERT checkpoint to hotel reviews with masked language modelling."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CamembertConfig, CamembertForMaskedLM, PreTrainedTokenizerFast

DICTIONARY = (
    "<s> <pad> </s> <unk> <unk> <s> </s> <mask> , . la chambre est petite mais propre le personnel "
    "tres aimable on entend bruit de rue nuit petit dejeuner excellent"
).split()
REVIEWS = [
    "la chambre est petite mais propre .",
    "le personnel est tres aimable , petit dejeuner excellent .",
    "on entend le bruit de la rue la nuit .",
]


def load_checkpoint():
    vocab = {}
    for index, piece in enumerate(DICTIONARY):
        vocab[piece] = index
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        mask_token="<mask>", model_input_names=["input_ids", "attention_mask"],
    )
    config = CamembertConfig(
        vocab_size=len(DICTIONARY), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=48, type_vocab_size=1,
        pad_token_id=vocab["<pad>"], bos_token_id=vocab["<s>"], eos_token_id=vocab["</s>"],
    )
    return tokenizer, CamembertForMaskedLM(config)


def mask_tokens(ids, tokenizer, generator, probability=0.15):
    labels = ids.clone()
    chosen = torch.rand(ids.shape, generator=generator) < probability
    chosen &= ids != tokenizer.pad_token_id
    chosen[:, 1] = True
    labels[~chosen] = -100
    return ids.masked_fill(chosen, tokenizer.mask_token_id), labels


def train(model, tokenizer, texts, epochs=2):
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    generator = torch.Generator().manual_seed(1)
    model.train()
    for epoch in range(epochs):
        for text in texts:
            batch = tokenizer([text], return_tensors="pt")
            ids, labels = mask_tokens(batch["input_ids"], tokenizer, generator)
            loss = model(input_ids=ids, attention_mask=batch["attention_mask"], labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} last loss {loss.item():.3f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    tokenizer, model = load_checkpoint()
    train(model, tokenizer, REVIEWS)
