"""Grammaticality predictor behind a small endpoint that collects requests into batches."""
from collections import deque

import torch
from torch import nn
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

SENTENCES = [
    "the boy is sitting on a bench",
    "the boy are sit on bench a",
    "many people were walking in the park yesterday",
    "people walk was the in",
    "she reads",
]


def load_checkpoint():
    vocab = {"[PAD]": 0, "[UNK]": 1}
    for word in " ".join(SENTENCES).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(5)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=32, num_labels=2, initializer_range=0.4,
    ))
    return tokenizer, model.eval()


class ColaPredictor:
    labels = ["unacceptable", "acceptable"]

    def __init__(self, tokenizer, model):
        self.tokenizer, self.model = tokenizer, model
        self.softmax = nn.Softmax(dim=0)

    @torch.no_grad()
    def predict(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        scores = self.softmax(self.model(**batch).logits)
        for text, row in zip(texts, scores.tolist()):
            yield text, dict(zip(self.labels, row))


class Endpoint:
    def __init__(self, predictor, batch_size):
        self.predictor, self.batch_size, self.queue = predictor, batch_size, deque()

    def submit(self, text):
        self.queue.append(text)

    def drain(self):
        while self.queue:
            texts = [self.queue.popleft() for _ in range(min(self.batch_size, len(self.queue)))]
            yield from self.predictor.predict(texts)


if __name__ == "__main__":
    endpoint = Endpoint(ColaPredictor(*load_checkpoint()), batch_size=3)
    for sentence in SENTENCES:
        endpoint.submit(sentence)
    for text, scores in endpoint.drain():
        label = max(scores, key=scores.get)
        print(f"{label:<13} {scores[label]:.3f}  {text}")
