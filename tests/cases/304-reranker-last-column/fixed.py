"""Second stage of a search service: order candidate passages by the yes/no answer of a causal model."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SETTINGS = {
    "tokenizer": {"unk_token": "<unk>", "pad_token": "<pad>", "eos_token": "<end>"},
    "model": {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 128, "initializer_range": 0.35},
    "batch_size": 3,
}
QUERIES = {
    "how tall is the lighthouse": [
        "the lighthouse at cape north is forty metres tall",
        "boats",
        "opening hours of the museum vary by season and the last tour leaves at five",
        "its lamp can be seen from far",
    ],
    "when does the ferry leave": [
        "the ferry leaves at nine",
        "tickets for the ferry are sold at the pier office on weekdays only",
        "parking is free",
    ],
}


def words():
    for query, passages in QUERIES.items():
        yield from query.split()
        for passage in passages:
            yield from passage.split()
    yield from "query : passage relevant ? yes no".split()


def make_tokenizer(options):
    vocab = {token: i for i, token in enumerate(options.values())}
    for word in words():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token=options["unk_token"]))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, padding_side="left", **options)


class Reranker:
    def __init__(self, settings):
        self.batch_size = settings["batch_size"]
        self.tokenizer = make_tokenizer(settings["tokenizer"])
        torch.manual_seed(5)
        self.model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(self.tokenizer), **settings["model"])).eval()
        self.yes, self.no = self.tokenizer.convert_tokens_to_ids(["yes", "no"])

    def render(self, query, passage):
        return f"query : {query} passage : {passage} relevant ?"

    @torch.no_grad()
    def scores(self, pairs):
        batch = self.tokenizer(
            [self.render(*pair) for pair in pairs], padding=True, return_tensors="pt", return_token_type_ids=False
        )
        logits = self.model(**batch).logits[:, -1]
        return torch.log_softmax(logits[:, [self.no, self.yes]], dim=-1)[:, 1].exp().tolist()

    def rank(self, query, passages):
        found = []
        for start in range(0, len(passages), self.batch_size):
            part = passages[start:start + self.batch_size]
            found += zip(self.scores([(query, passage) for passage in part]), part)
        return sorted(found, reverse=True)


if __name__ == "__main__":
    reranker = Reranker(SETTINGS)
    for query, passages in QUERIES.items():
        print(query)
        for score, passage in reranker.rank(query, passages):
            print(f"   {score:.3f} {passage[:40]}")
