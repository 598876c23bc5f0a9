"""Score candidate answers of a conversation with a scalar-head reward model."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

QUESTION = {"role": "user", "content": "which way to the station please"}
ANSWERS = [
    "two streets north then left at the old mill",
    "no idea",
    "take the tram to the river",
]


def build_tokenizer():
    words = " ".join([QUESTION["content"], *ANSWERS, "user assistant :"]).split()
    vocab = {"<unk>": 0, "<|end|>": 1}
    for word in words:
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<|end|>", padding_side="right")
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def render(messages, eos):
    return " ".join(f"{m['role']} : {m['content']} {eos}" for m in messages)


class RewardModel(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.backbone = GPT2Model(GPT2Config(
            vocab_size=vocab_size, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3,
            bos_token_id=1, eos_token_id=1,
        ))
        self.score = nn.Linear(32, 1)


def first_true(flags):
    width = flags.size(1)
    steps = torch.arange(width).expand_as(flags)
    return torch.where(flags, steps, width).min(dim=1).values


@torch.no_grad()
def get_reward(model, ids, mask):
    mask = mask.bool()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    hidden = model.backbone(ids, attention_mask=mask.long(), position_ids=positions).last_hidden_state
    values = model.score(hidden).squeeze(-1)
    last = first_true(~mask) - 1
    return values[torch.arange(ids.size(0)), last]


def main():
    torch.manual_seed(4)
    tokenizer = build_tokenizer()
    model = RewardModel(len(tokenizer)).eval()
    chats = [[QUESTION, {"role": "assistant", "content": a}] for a in ANSWERS]
    batch = tokenizer([render(c, tokenizer.eos_token) for c in chats], padding=True, return_tensors="pt")
    rewards = get_reward(model, batch["input_ids"], batch["attention_mask"])
    for answer, reward in zip(ANSWERS, rewards.tolist()):
        print(f"{reward:+.4f}  {answer}")
    print("best:", ANSWERS[rewards.argmax()])


if __name__ == "__main__":
    main()
