"""Sentence embeddings as a chain of modules; the encoder is tuned through learned prompt vectors only."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

PAIRS = [
    ("how do i bake bread", "bread baking for beginners at home"),
    ("cheap trains to vienna", "find low fares on trains to vienna"),
    ("fix a flat tyre", "how to mend a flat bicycle tyre yourself"),
]


def word_tokenizer(pairs):
    vocab = {"[PAD]": 0, "[UNK]": 1}
    for word in " ".join(a + " " + b for a, b in pairs).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]")


class PromptTuned(nn.Module):
    """Puts virtual tokens before the words of a frozen encoder."""

    def __init__(self, encoder, num_virtual_tokens):
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.prompt = nn.Parameter(torch.randn(num_virtual_tokens, encoder.config.hidden_size) * 0.02)

    def forward(self, input_ids, attention_mask):
        prompts = self.prompt.expand(len(input_ids), -1, -1)
        embeds = torch.cat([prompts, self.encoder.get_input_embeddings()(input_ids)], dim=1)
        mask = torch.cat([attention_mask.new_ones(prompts.shape[:2]), attention_mask], dim=1)
        return self.encoder(inputs_embeds=embeds, attention_mask=mask).last_hidden_state


class Transformer(nn.Module):
    def __init__(self, tokenizer, num_virtual_tokens=0):
        super().__init__()
        self.tokenizer = tokenizer
        self.auto_model = PromptTuned(BertModel(BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=64,
        )), num_virtual_tokens)

    def forward(self, features):
        tokens = self.auto_model(features["input_ids"], features["attention_mask"])
        features.update(token_embeddings=tokens[:, -features["input_ids"].size(1):])
        return features

    def tokenize(self, texts):
        return dict(self.tokenizer(list(texts), padding=True, return_tensors="pt", return_token_type_ids=False))


class MeanPooling(nn.Module):
    def forward(self, features):
        mask = features["attention_mask"].unsqueeze(-1).float()
        features["sentence_embedding"] = (features["token_embeddings"] * mask).sum(1) / mask.sum(1)
        return features


class SentenceModel(nn.Sequential):
    def encode(self, texts):
        return nn.functional.normalize(self(self[0].tokenize(texts))["sentence_embedding"], dim=-1)


if __name__ == "__main__":
    for virtual in (0, 8):
        torch.manual_seed(0)
        model = SentenceModel(Transformer(word_tokenizer(PAIRS), virtual), MeanPooling())
        queries, documents = zip(*PAIRS)
        scores = model.encode(queries) @ model.encode(documents).T * 20
        print(virtual, "virtual tokens, loss %.3f" % nn.functional.cross_entropy(scores, torch.arange(3)).item())
