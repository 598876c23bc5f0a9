"""Local completion server: keeps the keys and values of the last request and re-uses the prefix the next one shares."""
import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

SYSTEM = [5, 31, 12, 40, 7, 7, 22, 18, 3, 29]
REQUESTS = {
    "files": SYSTEM + [14, 33, 26, 2],
    "tests": SYSTEM + [9, 41, 17, 35, 2],
    "commit": SYSTEM + [9, 20, 38, 2],
}


def load():
    torch.manual_seed(11)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=44, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3,
    )).eval()


def common_prefix(a, b):
    n = 0
    for x, y in zip(a, b):
        if x != y:
            break
        n += 1
    return n


class PromptCache:
    def __init__(self, config):
        self.kv = DynamicCache(config=config)
        self.tokens = []
        self.hits = 0

    def fetch(self, prompt):
        """Keep what the stored conversation shares with the prompt, hand back the tokens still to be run."""
        keep = common_prefix(self.tokens, prompt[:-1])
        surplus = self.kv.get_seq_length() - keep
        if surplus > 0:
            self.kv.crop(-surplus)
        self.tokens = list(prompt)
        self.hits += keep
        return prompt[keep:]


class Server:
    def __init__(self, model):
        self.model = model
        self.cache = PromptCache(model.config)

    @torch.no_grad()
    def complete(self, prompt, max_tokens=8):
        pending, reply = self.cache.fetch(prompt), []
        while len(reply) < max_tokens:
            logits = self.model(torch.tensor([pending]), past_key_values=self.cache.kv).logits
            pending = [logits[0, -1].argmax().item()]
            reply += pending
        return reply


if __name__ == "__main__":
    server = Server(load())
    for name, prompt in REQUESTS.items():
        print(f"{name}: {server.complete(prompt)}")
    print("tokens served from the cache:", server.cache.hits)
