import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

ARTICLES = [
    "the river rose after three days of rain",
    "a new bridge will be opened next spring for bicycles and for people on foot",
    "the town council met on monday evening to talk about the old mill by the river which has stood empty for years "
    "and will now be turned into a library with a small stage and a reading room for children",
]


def make_tokenizer(max_length):
    vocab = {"[CLS]": 0, "</s>": 1, "[UNK]": 2, "[PAD]": 3, "[MASK]": 4}
    for text in ARTICLES:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A </s>", special_tokens=[("[CLS]", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, cls_token="[CLS]", eos_token="</s>", sep_token="</s>", unk_token="[UNK]",
        pad_token="[PAD]", mask_token="[MASK]", model_max_length=max_length,
    )


def make_model(tokenizer, max_length):
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=max_length + tokenizer.pad_token_id + 1, type_vocab_size=2, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=0, eos_token_id=1,
    )
    return RobertaModel(config, add_pooling_layer=False).eval()


class Embedder:
    def __init__(self, max_length=32):
        self.tokenizer = make_tokenizer(max_length)
        self.model = make_model(self.tokenizer, max_length)

    @torch.no_grad()
    def __call__(self, texts):
        enc = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        states = self.model(**enc).last_hidden_state
        keep = enc["attention_mask"].unsqueeze(-1)
        return (states * keep).sum(1) / keep.sum(1)


if __name__ == "__main__":
    embed = Embedder()
    for i, article in enumerate(ARTICLES):
        vector = embed([article])[0]
        print(f"article {i}: {len(article.split())} words, norm {vector.norm():.3f}")
