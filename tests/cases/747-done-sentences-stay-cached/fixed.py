"""Translate a batch of sentences with beams; sentences that are done make room for the others."""
import torch
from transformers import BartConfig, BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

BOS, PAD, EOS = 0, 1, 2


def load():
    torch.manual_seed(0)
    return BartForConditionalGeneration(BartConfig(
        vocab_size=48, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64, init_std=0.3,
    )).eval()


class Translator:
    def __init__(self, model, beams=2, length_ratio=1.0):
        self.model, self.beams, self.length_ratio = model, beams, length_ratio

    def encode(self, sentences):
        width = max(map(len, sentences))
        ids = torch.tensor([s + [PAD] * (width - len(s)) for s in sentences])
        mask = (ids != PAD).long()
        memory = self.model.get_encoder()(ids, attention_mask=mask).last_hidden_state
        return memory.repeat_interleave(self.beams, 0), mask.repeat_interleave(self.beams, 0)

    def rows_of(self, sentences):
        return torch.tensor([s * self.beams + b for s in sentences for b in range(self.beams)])

    @torch.no_grad()
    def __call__(self, sentences):
        memory, mask = self.encode(sentences)
        limits = [int(len(s) * self.length_ratio) for s in sentences]
        active = list(range(len(sentences)))
        results = {i: [] for i in active}
        tokens = torch.full((memory.size(0), 1), BOS)
        cache = None
        for step in range(max(limits)):
            out = self.model(
                encoder_outputs=BaseModelOutput(memory), attention_mask=mask, decoder_input_ids=tokens,
                past_key_values=cache, use_cache=True,
            )
            cache = out.past_key_values
            ranked = out.logits[:, -1].view(len(active), self.beams, -1).log_softmax(-1)
            picked = ranked.argmax(-1) if step else ranked[:, 0].topk(self.beams).indices
            for n, i in enumerate(active):
                results[i].append(picked[n].tolist())
            keep = [n for n, i in enumerate(active) if step + 1 < limits[i]]
            if not keep:
                break
            tokens = picked[keep].view(-1, 1)
            if len(keep) < len(active):
                rows = self.rows_of(keep)
                memory, mask = memory[rows], mask[rows]
                cache.batch_select_indices(rows)
                active = [active[n] for n in keep]
        return results


def main():
    translator = Translator(load())
    groups = [[[5, 9, 14, 22], [31, 7, 40, 12]], [[8, 8, 30, 17, 25, 6], [44, 19, 3], [20, 11, 37, 29, 15, 41]]]
    for group in groups:
        for i, words in translator(group).items():
            print(f"{len(group[i])} words -> {[beam[0] for beam in words]}")


if __name__ == "__main__":
    main()
