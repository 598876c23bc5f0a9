"""Translate with a T5: the encoder runs once, the decoder is driven by hand."""

import torch
from transformers import T5Config, T5ForConditionalGeneration

PAD, EOS = 0, 1


class Translator:
    def __init__(self):
        torch.manual_seed(17)
        self.net = T5ForConditionalGeneration(
            T5Config(
                vocab_size=48,
                d_model=32,
                d_kv=8,
                d_ff=64,
                num_layers=2,
                num_decoder_layers=2,
                num_heads=4,
                initializer_factor=3.0,
                dropout_rate=0.0,
                pad_token_id=PAD,
                eos_token_id=EOS,
                decoder_start_token_id=PAD,
            )
        ).eval()

    def batch(self, sentences):
        width = max(len(s) + 1 for s in sentences)
        ids = torch.full((len(sentences), width), PAD)
        for row, s in zip(ids, sentences, strict=True):
            row[: len(s) + 1] = torch.tensor(s + [EOS])
        return ids, (ids != PAD).long()

    def read(self, sentences):
        ids, mask = self.batch(sentences)
        memory = self.net.get_encoder()(input_ids=ids, attention_mask=mask)
        return memory, mask

    @torch.no_grad()
    def __call__(self, sentences, steps=6):
        memory, mask = self.read(sentences)
        written = torch.full((len(sentences), 1), PAD)
        for _ in range(steps):
            logits = self.net(encoder_outputs=memory, decoder_input_ids=written, use_cache=False).logits
            written = torch.cat([written, logits[:, -1:].argmax(-1)], dim=1)
        return written[:, 1:].tolist()


if __name__ == "__main__":
    translate = Translator()
    short, long = [7, 30], [12, 9, 41, 33, 6, 25, 18, 40, 11, 22]
    print("short alone   ", translate([short])[0])
    print("short and long", translate([short, long])[0])
