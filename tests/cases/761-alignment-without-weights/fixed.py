"""Translate and say, for every target token, which source token it looked at."""
import torch
from transformers import M2M100Config, M2M100ForConditionalGeneration

WORDS = "<pad> <s> </s> the house is small and old das haus ist klein und alt".split()
PAD, BOS, EOS = 0, 1, 2


def load_engine():
    torch.manual_seed(7)
    config = M2M100Config(
        vocab_size=len(WORDS), d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64, init_std=1.2,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, decoder_start_token_id=EOS,
        attn_implementation="eager",
    )
    return M2M100ForConditionalGeneration(config).eval()


def encode(sentences):
    rows = [[WORDS.index(w) for w in s.split()] + [EOS] for s in sentences]
    width = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    return ids, (ids != PAD).long()


class Translator:
    def __init__(self, model):
        self.model = model

    def translate(self, sentences, length=5):
        ids, mask = encode(sentences)
        out = self.model.generate(
            ids, attention_mask=mask, max_new_tokens=length, min_new_tokens=length, num_beams=1, do_sample=False,
            return_dict_in_generate=True, output_attentions=True,
        )
        alignment = self.alignment(out.cross_attentions)
        for source, target, where in zip(ids, out.sequences[:, 1:], alignment):
            yield [(WORDS[t], WORDS[source[w]]) for t, w in zip(target.tolist(), where.tolist())]

    @staticmethod
    def alignment(steps):
        """Mean over the heads of the last layer, best source position per step."""
        last = [layers[-1].mean(dim=1)[:, -1] for layers in steps]
        return torch.stack(last, dim=1).argmax(-1)


def main():
    translator = Translator(load_engine())
    for pairs in translator.translate(["the house is old", "the house is small and old"]):
        print(" ".join(f"{target}<{source}>" for target, source in pairs))


if __name__ == "__main__":
    main()
