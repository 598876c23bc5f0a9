"""Sentence vectors from a BERT encoder, whitened and compared by cosine."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PAIRS = [
    ("a man plays a guitar", "a man plays the guitar on a small wooden stage in the old town"),
    ("two dogs run", "two dogs run through the snow near the river while it is cold"),
    ("the child reads", "a woman cuts an onion"),
    ("a plane takes off", "a plane takes off"),
]


class SentenceEncoder:
    def __init__(self, texts, pooling="first_last_avg"):
        vocab = {"[PAD]": 0, "[UNK]": 1}
        for text in texts:
            for word in text.split():
                vocab.setdefault(word, len(vocab))
        core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]")
        torch.manual_seed(3)
        self.model = BertModel(BertConfig(
            vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=64, initializer_range=0.3,
        ), add_pooling_layer=False).eval()
        self.pooling = pooling

    @torch.no_grad()
    def encode(self, texts, batch_size=4):
        vectors = []
        for start in range(0, len(texts), batch_size):
            batch = self.tokenizer(texts[start:start + batch_size], padding=True, return_tensors="pt")
            hidden_states = self.model(**batch, output_hidden_states=True).hidden_states
            if self.pooling == "first_last_avg":
                vectors.append((hidden_states[-1] + hidden_states[1]).mean(dim=1) / 2)
            else:
                vectors.append(hidden_states[-1][:, 0])
        return torch.cat(vectors)


def whiten(vectors):
    mu = vectors.mean(dim=0, keepdim=True)
    u, s, _ = torch.linalg.svd(torch.cov((vectors - mu).T) + 1e-2 * torch.eye(vectors.size(1)))
    return (vectors - mu) @ (u / s.sqrt())


def main():
    left, right = (list(side) for side in zip(*PAIRS))
    encoder = SentenceEncoder(left + right)
    vectors = whiten(encoder.encode(left + right))
    scores = torch.cosine_similarity(vectors[:len(left)], vectors[len(left):], dim=1)
    for a, b, score in zip(left, right, scores.tolist()):
        print(f"{score:+.3f}  {a[:20]:<20} | {b[:28]}")


if __name__ == "__main__":
    main()
