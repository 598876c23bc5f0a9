"""Check the decoder-with-past of encoder-decoder models with dummy inputs, as an exporter does."""
import torch
from transformers import DynamicCache, EncoderDecoderCache, MT5Config, MT5ForConditionalGeneration
from transformers import T5Config, T5ForConditionalGeneration


class DummyInputs:
    def __init__(self, config, batch_size=2, encoder_length=7, past_length=4):
        self.batch_size = batch_size
        self.encoder_length = encoder_length
        self.past_length = past_length
        self.layers = config.num_decoder_layers
        self.heads = config.num_attention_heads
        self.width = config.hidden_size
        self.vocab_size = config.vocab_size

    def _pairs(self, length):
        shape = (self.batch_size, self.heads, length, self.width // self.heads)
        return [(torch.randn(shape), torch.randn(shape)) for _ in range(self.layers)]

    def past(self):
        return EncoderDecoderCache(
            DynamicCache(self._pairs(self.past_length)), DynamicCache(self._pairs(self.encoder_length))
        )

    def generate(self):
        return {
            "encoder_outputs": (torch.randn(self.batch_size, self.encoder_length, self.width),),
            "attention_mask": torch.ones(self.batch_size, self.encoder_length, dtype=torch.long),
            "decoder_input_ids": torch.randint(0, self.vocab_size, (self.batch_size, 1)),
            "past_key_values": self.past(),
        }


def small_t5():
    return T5ForConditionalGeneration(T5Config(
        vocab_size=60, d_model=48, d_kv=8, d_ff=96, num_layers=2, num_heads=6, decoder_start_token_id=0,
    ))


def small_mt5():
    return MT5ForConditionalGeneration(MT5Config(
        vocab_size=90, d_model=64, d_kv=8, d_ff=96, num_layers=2, num_heads=6, decoder_start_token_id=0,
    ))


@torch.no_grad()
def validate(name, model):
    inputs = DummyInputs(model.config).generate()
    outputs = model.eval()(**inputs, use_cache=True)
    cached = outputs.past_key_values.get_seq_length()
    print(f"{name}: logits {tuple(outputs.logits.shape)}, {cached} positions cached")


def main():
    torch.manual_seed(0)
    for name, build in [("t5", small_t5), ("mt5", small_mt5)]:
        validate(name, build())


if __name__ == "__main__":
    main()
