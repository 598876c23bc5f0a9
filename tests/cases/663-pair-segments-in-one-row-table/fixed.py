"""Pick the line that continues a classical couplet, several candidates per opening."""
import torch
from transformers import BertTokenizer, RobertaConfig, RobertaForMultipleChoice

POEMS = [
    ("moonlight before my bed", ["frost upon the ground", "a boat across the river", "wine is poured again"], 0),
    ("the sun sets behind the hills", ["frost upon the ground", "the river flows into the sea", "a guest at dawn"], 1),
    ("spring sleep knows no dawn", ["birds are singing everywhere", "snow on the old pass", "a letter from home"], 0),
]


def build_tokenizer(lines):
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    for line in lines:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    return BertTokenizer(vocab=vocab)


def build_model(vocab_size):
    return RobertaForMultipleChoice(RobertaConfig(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=40, type_vocab_size=1, pad_token_id=0, bos_token_id=2, eos_token_id=3,
    ))


@torch.no_grad()
def line_vectors(tokenizer, model, lines):
    enc = tokenizer(lines, padding=True, return_tensors="pt")
    hidden = model.roberta(**enc).last_hidden_state
    mask = enc["attention_mask"].unsqueeze(-1)
    return (hidden * mask).sum(1) / mask.sum(1)


def encode(tokenizer, opening, candidates):
    enc = tokenizer(
        [opening] * len(candidates), candidates, padding=True, return_tensors="pt", return_token_type_ids=False
    )
    return {name: tensor.unsqueeze(0) for name, tensor in enc.items()}


def main():
    torch.manual_seed(0)
    lines = [line for first, rest, _ in POEMS for line in (first, *rest)]
    tokenizer = build_tokenizer(lines)
    model = build_model(len(tokenizer))
    print("line vectors", tuple(line_vectors(tokenizer, model, lines).shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(2):
        total = 0.0
        for opening, candidates, answer in POEMS:
            batch = encode(tokenizer, opening, candidates)
            loss = model(**batch, labels=torch.tensor([answer])).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(POEMS):.4f}")


if __name__ == "__main__":
    main()
