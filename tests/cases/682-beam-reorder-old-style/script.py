"""A text encoder bridged into a decoder: its states are put in front of the question as soft tokens."""
import torch
from torch import nn
from transformers import BertConfig, BertModel, MistralConfig, MistralForCausalLM


class BridgeDecoder(MistralForCausalLM):
    def __init__(self, config, encoder):
        super().__init__(config)
        self.encoder = encoder
        self.bridge = nn.Linear(encoder.config.hidden_size, config.hidden_size)

    def soft_tokens(self, source):
        return self.bridge(self.encoder(source).last_hidden_state)

    @staticmethod
    def _reorder_cache(past_key_values, beam_idx):
        return tuple(
            tuple(state.index_select(0, beam_idx) for state in layer)
            for layer in past_key_values
        )


class Answerer:
    def __init__(self, model, max_new_tokens=6):
        self.model = model.eval()
        self.options = {"max_new_tokens": max_new_tokens, "do_sample": False}

    @torch.no_grad()
    def __call__(self, source, question, **options):
        words = self.model.get_input_embeddings()(question)
        embeds = torch.cat([self.model.soft_tokens(source), words], dim=1)
        mask = torch.ones(embeds.shape[:2], dtype=torch.long)
        out = self.model.generate(inputs_embeds=embeds, attention_mask=mask, **self.options, **options)
        return out.tolist()


def build():
    encoder = BertModel(BertConfig(
        vocab_size=70, hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=32,
    ), add_pooling_layer=False)
    config = MistralConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, sliding_window=None, initializer_range=0.3,
        bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )
    return BridgeDecoder(config, encoder)


def main():
    torch.manual_seed(4)
    answer = Answerer(build())
    source = torch.randint(3, 70, (2, 9))
    question = torch.randint(3, 50, (2, 4))
    print("greedy", answer(source, question))
    for beams in (2, 4):
        print(f"{beams} beams", answer(source, question, num_beams=beams))


main()
