"""Dialogue act tagging over whole transcripts, window by window."""
from dataclasses import dataclass

import torch
from torch import nn
from transformers import RobertaConfig, RobertaModel

ACTS = ("statement", "question", "backchannel", "agree")
WORDS = "so well i you we they think know mean really do did is it that what why yeah okay right no sure".split()


@dataclass
class Transcript:
    name: str
    words: list


def make_transcripts():
    gen = torch.Generator().manual_seed(5)
    sizes = {"sw2005": 31, "sw2018": 118, "sw2090": 57}
    return [
        Transcript(name, [WORDS[i] for i in torch.randint(len(WORDS), (n,), generator=gen).tolist()])
        for name, n in sizes.items()
    ]


class Tokenizer:
    pad_id, offset = 1, 4

    def __init__(self):
        self.index = {w: i + self.offset for i, w in enumerate(WORDS)}

    def __len__(self):
        return len(self.index) + self.offset

    def __call__(self, words):
        return torch.tensor([[self.index[w] for w in words]])


class ActTagger(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.encoder = RobertaModel(config, add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, len(ACTS))

    @property
    def window(self):
        return self.config.max_position_embeddings

    def forward(self, ids):
        return self.classifier(self.encoder(ids).last_hidden_state)


class Predictor:
    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model.eval(), tokenizer

    @torch.no_grad()
    def __call__(self, transcript):
        ids = self.tokenizer(transcript.words)
        pieces = [self.model(piece) for piece in ids.split(self.model.window, dim=1)]
        return torch.cat(pieces, dim=1)[0].argmax(-1).tolist()


def main():
    torch.manual_seed(0)
    tokenizer = Tokenizer()
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=66, pad_token_id=tokenizer.pad_id, type_vocab_size=1,
    )
    predictor = Predictor(ActTagger(config), tokenizer)
    for transcript in make_transcripts():
        tags = predictor(transcript)
        print(f"{transcript.name}: {len(tags)} words,", ", ".join(f"{a} {tags.count(i)}" for i, a in enumerate(ACTS)))


if __name__ == "__main__":
    main()
