"""Run a Llama model layer by layer, as if only one layer fitted in memory at a time."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM


class LayerStreamer:
    def __init__(self, model, max_seq_len=48):
        self.model = model
        self.max_seq_len = max_seq_len
        self.prepare()

    def prepare(self):
        blocked = torch.finfo(torch.float32).min
        size = self.max_seq_len
        self.attention_mask = torch.full((size, size), blocked).triu(1)[None, None]
        self.position_ids = torch.arange(size).unsqueeze(0)

    def stages(self):
        yield "embed", self.model.model.embed_tokens
        for i, layer in enumerate(self.model.model.layers):
            yield f"layer {i}", layer
        yield "norm", self.model.model.norm
        yield "lm_head", self.model.lm_head

    @torch.no_grad()
    def forward(self, input_ids):
        length = input_ids.size(1)
        positions = self.position_ids[:, :length]
        mask = self.attention_mask[:, :, :length, :length]
        hidden, rotary = input_ids, None
        for name, module in self.stages():
            if name.startswith("layer"):
                hidden = module(hidden, attention_mask=mask, position_ids=positions, position_embeddings=rotary)
            else:
                hidden = module(hidden)
            if name == "embed":
                rotary = self.model.model.rotary_emb(hidden, positions)
        return hidden


def load():
    torch.manual_seed(6)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=120, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256,
    )).eval()


def main():
    streamer = LayerStreamer(load())
    prompts = {"note": 14, "letter": 41, "report": 66}
    for name, tokens in prompts.items():
        logits = streamer.forward(torch.randint(0, 120, (1, tokens)))
        print(f"{name:<7} {tokens:>3} tokens, next {logits[0, -1].argmax().item()}")


main()
