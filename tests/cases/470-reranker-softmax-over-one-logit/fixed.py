"""Second retrieval stage: a cross-encoder scores the candidates of the first stage again."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

MEMORIES = [
    {"id": 1, "text": "the user prefers short answers in the morning", "score": 0.41},
    {"id": 2, "text": "the deployment failed because the disk was full", "score": 0.40},
    {"id": 3, "text": "tests run with the nightly build of the compiler", "score": 0.37},
    {"id": 4, "text": "the disk of the build machine was replaced", "score": 0.36},
    {"id": 5, "text": "answers are cached for one hour", "score": 0.30},
]
QUERY = "why did the nightly build fail"


def build_tokenizer():
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    for text in [QUERY, *(m["text"] for m in MEMORIES)]:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                                   sep_token="[SEP]")


def build_cross_encoder(vocab_size, num_labels=1):
    torch.manual_seed(5)
    return BertForSequenceClassification(BertConfig(
        vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, num_labels=num_labels, initializer_range=0.4,
    )).eval()


class Reranker:
    def __init__(self, tokenizer, model, batch_size=2):
        self.tokenizer, self.model, self.batch_size = tokenizer, model, batch_size

    def collate(self, pairs):
        queries, texts = zip(*pairs)
        return self.tokenizer([f"[CLS] {q} [SEP] {t} [SEP]" for q, t in zip(queries, texts)], padding=True,
                              return_tensors="pt")

    @torch.no_grad()
    def scores(self, query, texts):
        loader = DataLoader([(query, t) for t in texts], batch_size=self.batch_size, collate_fn=self.collate)
        found = []
        for batch in loader:
            logits = self.model(**batch).logits
            probabilities = torch.sigmoid(logits)
            found += probabilities[:, -1].tolist()
        return found

    def rerank(self, query, candidates, top_k):
        scores = self.scores(query, [c["text"] for c in candidates])
        ranked = [{**c, "score": s} for c, s in zip(candidates, scores)]
        return sorted(ranked, key=lambda c: c["score"], reverse=True)[:top_k]


if __name__ == "__main__":
    tokenizer = build_tokenizer()
    reranker = Reranker(tokenizer, build_cross_encoder(len(tokenizer)))
    for place, hit in enumerate(reranker.rerank(QUERY, MEMORIES, top_k=3), start=1):
        print(f"{place}. [{hit['score']:.4f}] #{hit['id']} {hit['text']}")
