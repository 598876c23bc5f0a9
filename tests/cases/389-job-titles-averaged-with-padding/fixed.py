"""Match job adverts with skills by the similarity of their sentence vectors."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional as F
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SKILLS = ["welding of steel pipes", "bookkeeping", "night shift care for the elderly at home"]
ADVERTS = [
    "welder wanted",
    "accountant for a small family firm in the harbour who keeps the books and talks to the tax office",
    "carer for night shifts",
    "pipe fitter with welding licence",
]


class SentenceEncoder:
    def __init__(self, corpus, hidden=32, batch_size=2):
        vocab = {"[PAD]": 0, "[UNK]": 1}
        for text in corpus:
            for word in text.split():
                vocab.setdefault(word, len(vocab))
        core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")
        torch.manual_seed(4)
        self.model = BertModel(BertConfig(
            vocab_size=len(vocab), hidden_size=hidden, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=64, initializer_range=0.3,
        ), add_pooling_layer=False).eval()
        self.batch_size = batch_size

    def pool(self, hidden, attention_mask):
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)

    @torch.no_grad()
    def encode(self, texts):
        vectors = []
        for start in range(0, len(texts), self.batch_size):
            chunk = texts[start:start + self.batch_size]
            enc = self.tokenizer(chunk, padding=True, return_tensors="pt", return_token_type_ids=False)
            out = self.model(**enc)
            vectors.append(self.pool(out.last_hidden_state, enc["attention_mask"]))
        return torch.cat(vectors)


def rank(encoder, adverts, skills):
    scores = encoder.encode(adverts) @ encoder.encode(skills).T
    for advert, row in zip(adverts, scores):
        best = row.argmax().item()
        yield advert, skills[best], row[best].item()


def main():
    encoder = SentenceEncoder(SKILLS + ADVERTS)
    for advert, skill, score in rank(encoder, ADVERTS, SKILLS):
        print(f"{advert[:28]:<28} {skill[:24]:<24} {score:.4f}")


if __name__ == "__main__":
    main()
