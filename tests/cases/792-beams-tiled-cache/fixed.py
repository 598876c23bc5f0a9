"""Translate a batch of sentences, keep several hypotheses for each and pick the likeliest."""
import torch
from transformers import BartConfig, BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

START, END = 2, 1


def load_model():
    torch.manual_seed(11)
    return BartForConditionalGeneration(BartConfig(
        vocab_size=80, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        init_std=0.5, pad_token_id=0, bos_token_id=START, eos_token_id=END, decoder_start_token_id=START,
    )).eval()


def spread(tensor, beam_size):
    return tensor.repeat_interleave(beam_size, dim=0)


class Translator:
    def __init__(self, model, beam_size=3, max_length=8):
        self.model = model
        self.beam_size = beam_size
        self.max_length = max_length

    def widen(self, memory, cache):
        for part in (cache.self_attention_cache, cache.cross_attention_cache):
            for layer in part.layers:
                layer.keys = spread(layer.keys, self.beam_size)
                layer.values = spread(layer.values, self.beam_size)
        return BaseModelOutput(spread(memory.last_hidden_state, self.beam_size)), cache

    @torch.no_grad()
    def translate(self, source):
        rows = source.size(0)
        memory = self.model.get_encoder()(source)
        start = torch.full((rows, 1), START)
        out = self.model(encoder_outputs=memory, decoder_input_ids=start, use_cache=True)
        scores, first = out.logits[:, -1].log_softmax(-1).topk(self.beam_size, dim=-1)
        scores, words = scores.flatten(), first.flatten().unsqueeze(1)
        memory, cache = self.widen(memory, out.past_key_values)
        hypotheses = [words]
        for _ in range(self.max_length - 1):
            out = self.model(encoder_outputs=memory, decoder_input_ids=words, past_key_values=cache)
            best, token = out.logits[:, -1].log_softmax(-1).max(-1)
            scores, words = scores + best, token.unsqueeze(1)
            hypotheses.append(words)
        hypotheses = torch.cat(hypotheses, dim=1).view(rows, self.beam_size, -1)
        winner = scores.view(rows, self.beam_size).argmax(dim=1)
        return hypotheses[torch.arange(rows), winner]


if __name__ == "__main__":
    torch.manual_seed(3)
    sentences = torch.randint(3, 80, (4, 9))
    translator = Translator(load_model())
    together = translator.translate(sentences)
    for row, sentence in enumerate(sentences):
        print(sentence.tolist(), "->", together[row].tolist())
