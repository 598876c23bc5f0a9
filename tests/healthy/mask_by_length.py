"""Continue several multi-turn chats in one batch; every turn ends with an end-of-sequence token."""

import torch
from transformers import MistralConfig, MistralForCausalLM

BOS, EOS, ASSISTANT = 1, 2, 3
PAD = EOS
CHATS = [
    [[11, 12, 13], [21, 22], [14, 15]],
    [[31, 32, 33, 34, 35], [41]],
    [[16], [23, 24, 25, 26], [17, 18], [27, 28, 29]],
]


def flatten(turns):
    ids = [BOS]
    for turn in turns:
        ids += turn + [EOS]
    return ids + [ASSISTANT]


def batchify(chats):
    rows = [flatten(turns) for turns in chats]
    width = max(map(len, rows))
    ids = torch.tensor([[PAD] * (width - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
    return {"input_ids": ids, "attention_mask": mask}


class Chatbot:
    def __init__(self):
        torch.manual_seed(30)
        self.model = MistralForCausalLM(
            MistralConfig(
                vocab_size=60,
                hidden_size=48,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=128,
                sliding_window=None,
                initializer_range=0.35,
                bos_token_id=BOS,
                eos_token_id=EOS,
                pad_token_id=PAD,
            )
        ).eval()

    def replies(self, chats, n=6):
        batch = batchify(chats)
        out = self.model.generate(**batch, max_new_tokens=n, min_new_tokens=n, do_sample=False)
        return out[:, batch["input_ids"].shape[1] :].tolist()


bot = Chatbot()
for turns, reply in zip(CHATS, bot.replies(CHATS), strict=True):
    print(len(turns), "turns ->", reply)
