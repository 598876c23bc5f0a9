"""Embed long reports with a RoBERTa encoder, window by window."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

REPORTS = {
    "short": "the pump was inspected and no leak was found",
    "medium": " ".join(["valve checked and closed"] * 5),
    "long": " ".join(["the crew replaced the seal and ran the pump again"] * 7),
}


def make_tokenizer():
    vocab = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    for text in REPORTS.values():
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],
    )


class ReportEmbedder:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        torch.manual_seed(0)
        self.model = RobertaModel(RobertaConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1,
        ), add_pooling_layer=False).eval()
        self.window = self.model.config.max_position_embeddings - self.model.config.pad_token_id - 1

    def windows(self, text):
        enc = self.tokenizer(
            text, truncation=True, max_length=self.window, stride=8, return_overflowing_tokens=True,
            padding=True, return_tensors="pt",
        )
        return enc["input_ids"], enc["attention_mask"]

    @torch.no_grad()
    def embed(self, text):
        ids, mask = self.windows(text)
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1)
        return (hidden * weight).sum((0, 1)) / weight.sum(), ids.shape


if __name__ == "__main__":
    embedder = ReportEmbedder(make_tokenizer())
    for name, text in REPORTS.items():
        vector, shape = embedder.embed(text)
        print(f"{name:<7} {shape[0]} window(s) of {shape[1]:>2} tokens, norm {vector.norm():.3f}")
