import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
).eval()


class Chat:
    def __init__(self):
        self.cache = None
        self.history = []

    @torch.no_grad()
    def say(self, tokens):
        self.history += tokens
        ids = torch.tensor([self.history])
        out = model(ids, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        reply = out.logits[:, -1].argmax(-1).tolist()
        self.history += reply
        return reply


chat = Chat()
for turn in ([3, 4, 5], [6, 7], [8, 9, 10]):
    print(len(chat.say(turn)))
