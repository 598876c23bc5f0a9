"""Translate batches of sentences with a BART decoder loop."""

import torch
from transformers import BartConfig, BartForConditionalGeneration, DynamicCache, EncoderDecoderCache

PAD, BOS, EOS = 1, 0, 2


def load():
    torch.manual_seed(0)
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=60,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=64,
            init_std=0.3,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
            decoder_start_token_id=EOS,
        )
    ).eval()


class Translator:
    def __init__(self, model, max_length=6):
        self.model, self.max_length = model, max_length
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    @torch.no_grad()
    def translate(self, sentences):
        width = max(map(len, sentences))
        ids = torch.tensor([s + [PAD] * (width - len(s)) for s in sentences])
        mask = (ids != PAD).long()
        encoded = self.model.get_encoder()(ids, attention_mask=mask)
        tokens = torch.full((len(ids), 1), EOS)
        out = []
        for _ in range(self.max_length):
            step = self.model(
                encoder_outputs=encoded,
                attention_mask=mask,
                decoder_input_ids=tokens,
                past_key_values=self.cache,
                use_cache=True,
            )
            tokens = step.logits[:, -1:].argmax(-1)
            out.append(tokens)
        return torch.cat(out, 1).tolist()


def batches(items, size):
    for k in range(0, len(items), size):
        yield items[k : k + size]


if __name__ == "__main__":
    corpus = [[5, 9, 22], [41, 7], [18, 30, 30, 6, 51], [12, 13], [44, 45, 46]]
    translator = Translator(load())
    for part in batches(corpus, 2):
        for source, target in zip(part, translator.translate(part)):
            print(source, "->", target)
