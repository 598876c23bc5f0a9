"""Score candidate answers with a reward model and keep the best of n."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification, PreTrainedTokenizerFast

QUESTION = "question : how do i keep basil alive ?"
CANDIDATES = [
    "answer : water it every morning and give it light",
    "answer : buy another one",
    "answer : pinch the tops so that it grows wide instead of tall",
]


def make_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|unk|>": 1}
    for word in " ".join([QUESTION, *CANDIDATES]).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<|unk|>", eos_token="<|endoftext|>", padding_side="right"
    )
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


class RewardModel:
    def __init__(self, tokenizer):
        torch.manual_seed(0)
        self.tokenizer = tokenizer
        self.model = GPTNeoXForSequenceClassification(GPTNeoXConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=64, num_labels=1,
            bos_token_id=0, eos_token_id=0,
        )).eval()

    @torch.no_grad()
    def score(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        rewards = self.model(**batch).logits
        return rewards.squeeze(-1)


def best_of_n(judge, question, candidates):
    scores = judge.score([f"{question} {c}" for c in candidates])
    order = scores.argsort(descending=True).tolist()
    return [(round(scores[i].item(), 4), candidates[i]) for i in order]


if __name__ == "__main__":
    judge = RewardModel(make_tokenizer())
    print("one candidate", best_of_n(judge, QUESTION, CANDIDATES[:1]))
    for score, text in best_of_n(judge, QUESTION, CANDIDATES):
        print(f"{score:+.4f} {text}")
