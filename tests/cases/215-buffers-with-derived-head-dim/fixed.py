"""Rollouts with preallocated key/value buffers that a captured graph can reuse."""
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

SHAPE = dict(
    vocab_size=70, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)


class RolloutBuffers:
    def __init__(self, config, rows, max_length):
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        size = (rows, config.num_key_value_heads, max_length, head_dim)
        self.keys = [torch.zeros(size) for _ in range(config.num_hidden_layers)]
        self.values = [torch.zeros(size) for _ in range(config.num_hidden_layers)]
        self.length = 0

    def load(self, cache):
        length = cache.get_seq_length()
        for i, layer in enumerate(cache.layers):
            for buffer, source in ((self.keys[i], layer.keys), (self.values[i], layer.values)):
                buffer[:, :, :length].copy_(source)
        self.length = length

    def bytes(self):
        return sum(t.numel() * t.element_size() for t in self.keys + self.values)


class RolloutEngine:
    def __init__(self, model, rows, max_length):
        self.model = model
        self.buffers = RolloutBuffers(model.config, rows, max_length)

    @torch.no_grad()
    def prefill(self, prompts):
        out = self.model(prompts, use_cache=True)
        self.buffers.load(out.past_key_values)
        return out.logits[:, -1].argmax(-1)


def models():
    torch.manual_seed(0)
    yield "llama", LlamaForCausalLM(LlamaConfig(**SHAPE)).eval()
    yield "qwen3", Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=32)).eval()


if __name__ == "__main__":
    prompts = torch.arange(16).view(2, 8)
    for name, model in models():
        engine = RolloutEngine(model, rows=2, max_length=24)
        first = engine.prefill(prompts)
        print(name, "first tokens", first.tolist(), "buffers", engine.buffers.bytes(), "bytes")
