"""Passage search with a BGE-like encoder: first token of the last layer, normalised."""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PASSAGES = [
    "tea is grown on the hills",
    "the ferry leaves at noon from the old pier and comes back in the evening after a stop at the island",
    "keep the receipt",
    "a passport is valid for ten years and can be renewed at any office in the country or by post",
    "the hills are steep",
]
QUERIES = ["the ferry leaves at noon", "keep the receipt", "tea is grown on the hills"]


def make_tokenizer(texts):
    words = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + " ".join(texts).split())
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]")


def make_encoder(vocab_size):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocab_size, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=64, initializer_range=0.25,
    )
    return BertModel(config, add_pooling_layer=False).eval()


class Embedder:
    def __init__(self, tokenizer, model, batch_size):
        self.tokenizer, self.model, self.batch_size = tokenizer, model, batch_size

    @torch.no_grad()
    def __call__(self, texts):
        out = []
        for start in range(0, len(texts), self.batch_size):
            chunk = ["[CLS] " + t for t in texts[start:start + self.batch_size]]
            enc = self.tokenizer(chunk, padding=True, return_tensors="pt")
            hidden = self.model(input_ids=enc["input_ids"], attention_mask=enc["attention_mask"]).last_hidden_state
            out.append(F.normalize(hidden[:, 0], dim=-1))
        return torch.cat(out)


def main():
    tokenizer = make_tokenizer(PASSAGES + QUERIES)
    encoder = make_encoder(len(tokenizer))
    for batch_size in (1, 2, 5):
        embed = Embedder(tokenizer, encoder, batch_size)
        scores = embed(QUERIES) @ embed(PASSAGES).T
        best = scores.max(-1)
        print(f"batch {batch_size}: best {best.indices.tolist()} scores", [round(s, 3) for s in best.values.tolist()])


if __name__ == "__main__":
    main()
