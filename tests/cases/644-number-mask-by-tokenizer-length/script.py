"""Fine-tuning on arithmetic with an extra loss that compares digits by their value."""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

WORDS = "<pad> <unk> <eos> plus minus times equals is the sum of and what ? . a b c".split()
DIGITS = list("0123456789")


def build_tokenizer():
    vocab = {word: i for i, word in enumerate(WORDS + DIGITS)}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True),
    ])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>")


def build_model():
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=None, eos_token_id=2,
    ))


class DigitValueLoss:
    """Squared distance between the expected digit under the model and the digit in the label."""

    def __init__(self, tokenizer, weight=0.3):
        self.weight = weight
        self.values = torch.full((len(tokenizer),), float("nan"))
        for token, index in tokenizer.get_vocab().items():
            if token.isdigit():
                self.values[index] = float(token)
        self.is_digit = ~torch.isnan(self.values)

    def __call__(self, logits, labels):
        known = labels.clamp(min=0)
        rows = self.is_digit[known] & (labels != -100)
        probs = logits[:, :, self.is_digit].softmax(-1)
        expected = probs @ self.values[self.is_digit]
        return self.weight * F.mse_loss(expected[rows], self.values[known][rows])


def make_batch(tokenizer, texts):
    enc = tokenizer(texts, padding=True, return_tensors="pt")
    labels = enc.input_ids.masked_fill(enc.attention_mask == 0, -100)
    return enc, labels


def main():
    tokenizer = build_tokenizer()
    model = build_model()
    digit_loss = DigitValueLoss(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    texts = ["the sum of 12 and 7 is 19 .", "3 times 4 equals 12 .", "what is 9 minus 5 ? 4", "a plus b is c ."]
    enc, labels = make_batch(tokenizer, texts)
    print("tokens", tuple(enc.input_ids.shape), "digits known", int(digit_loss.is_digit.sum()))
    for step in range(5):
        logits = model(input_ids=enc.input_ids, attention_mask=enc.attention_mask).logits[:, :-1]
        ce = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        value = digit_loss(logits, labels[:, 1:])
        optimizer.zero_grad()
        (ce + value).backward()
        optimizer.step()
        print(f"step {step}: ce {ce.item():.3f} digits {value.item():.3f}")


if __name__ == "__main__":
    main()
