"""A chat with memory on top of Blenderbot: every user has a history of turns."""
from collections import defaultdict

import torch
from transformers import BlenderbotConfig, BlenderbotForConditionalGeneration

DIALOGUE = [
    "hello there how are you doing today",
    "i went to the market and bought some fresh fish",
    "do you like to cook",
    "my sister cooks a very good soup with beans and pepper and a lot of garlic",
    "what do you eat on sundays",
]
WORDS = sorted({w for line in DIALOGUE for w in line.split()})


def load():
    torch.manual_seed(3)
    return BlenderbotForConditionalGeneration(BlenderbotConfig(
        vocab_size=len(WORDS) + 3, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=40,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, forced_eos_token_id=None,
        encoder_no_repeat_ngram_size=0, init_std=0.4,
    )).eval()


class Agent:
    def __init__(self, model):
        self.model = model
        self.max_context_length = model.config.max_position_embeddings
        self.histories = defaultdict(list)

    def encode(self, text):
        return [WORDS.index(w) + 3 for w in text.split()] + [2]

    def decode(self, ids):
        return " ".join(WORDS[i - 3] for i in ids if i > 2)

    def num_stacked_tokens(self, user_id):
        return sum(len(turn) for turn in self.histories[user_id])

    def make_input(self, user_id, text):
        turn = self.encode(text)
        while self.num_stacked_tokens(user_id) > self.max_context_length:
            self.histories[user_id].pop(0)
        self.histories[user_id].append(turn)
        return torch.tensor([[t for turn in self.histories[user_id] for t in turn]])

    @torch.no_grad()
    def predict(self, user_id, text):
        input_ids = self.make_input(user_id, text)
        output = self.model.generate(
            input_ids, attention_mask=torch.ones_like(input_ids), max_new_tokens=6, min_new_tokens=6,
            do_sample=False, num_beams=1, suppress_tokens=[0, 1],
        )
        reply = output[0, 1:].tolist()
        self.histories[user_id].append(reply)
        return self.decode(reply)


agent = Agent(load())
for line in DIALOGUE:
    print("user:", line)
    print("bot: ", agent.predict("anna", line))
