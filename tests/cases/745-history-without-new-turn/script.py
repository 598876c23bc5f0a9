"""A chat agent that keeps the dialogue of every user and drops the oldest turns when it gets long."""
from collections import defaultdict, deque

import torch
from transformers import BlenderbotConfig, BlenderbotForConditionalGeneration

EOS = 2


class DialogueAgent:
    def __init__(self, max_context_length=32):
        torch.manual_seed(0)
        self.max_context_length = max_context_length
        self.model = BlenderbotForConditionalGeneration(BlenderbotConfig(
            vocab_size=90, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64,
            max_position_embeddings=max_context_length, pad_token_id=0, bos_token_id=1, eos_token_id=EOS,
            decoder_start_token_id=1, init_std=0.4,
        )).eval()
        self.histories = defaultdict(deque)

    def tokenize(self, text):
        return [3 + ord(c) % 87 for c in text.replace(" ", "")] + [EOS]

    def context(self, user):
        history = self.histories[user]
        stacked = 0
        kept = []
        for turn in reversed(history):
            if stacked + len(turn) > self.max_context_length:
                break
            stacked += len(turn)
            kept.insert(0, turn)
        return [token for turn in kept for token in turn]

    @torch.no_grad()
    def reply(self, user, text, max_new_tokens=6):
        turn = self.tokenize(text)
        input_ids = torch.tensor([self.context(user) + turn])
        out = self.model.generate(
            input_ids, attention_mask=torch.ones_like(input_ids), max_new_tokens=max_new_tokens,
            do_sample=False, num_beams=1,
        )
        answer = out[0, 1:].tolist()
        self.histories[user].extend([turn, answer])
        return answer, input_ids.size(1)


def main():
    agent = DialogueAgent()
    script = [
        ("ann", "hello"), ("bob", "any news"), ("ann", "how are you"), ("ann", "what do you do"),
        ("bob", "same here"), ("ann", "that sounds fun"),
    ]
    for user, text in script:
        answer, seen = agent.reply(user, text)
        print(f"{user}: {text:<16} context {seen:>3}  answer {answer}")


if __name__ == "__main__":
    main()
