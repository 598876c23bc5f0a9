"""Supervised fine-tuning of a causal model that thinks in a few latent marker tokens."""
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TEXTS = [
    "how many small cubes are left of the ball <|latent_start|> <|latent_pad|> <|latent_end|> two",
    "which shape is behind the cone <|latent_start|> <|latent_pad|> <|latent_pad|> <|latent_end|> the red cube",
]
LATENT = ["<|latent_pad|>", "<|latent_start|>", "<|latent_end|>"]


def base():
    vocab = {"<|endoftext|>": 0, "<unk>": 1}
    for text in TEXTS:
        for word in text.split():
            if word not in LATENT:
                vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    config = Qwen2Config(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=0, eos_token_id=0,
    )
    return tokenizer, Qwen2ForCausalLM(config)


class LatentTrainer:
    def __init__(self, model, tokenizer, lr=1e-3):
        self.model, self.tokenizer = model, tokenizer
        self.vocab_size = model.config.vocab_size
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr)

    def compute_loss(self, batch):
        hidden = batch["input_ids"] == self.tokenizer.convert_tokens_to_ids(LATENT[0])
        labels = batch["input_ids"].masked_fill(hidden | (batch["attention_mask"] == 0), -100)
        logits = self.model(**batch).logits
        shift_logits = logits[:, :-1].reshape(-1, self.model.config.vocab_size)
        return F.cross_entropy(shift_logits, labels[:, 1:].reshape(-1), ignore_index=-100)

    def step(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        loss = self.compute_loss(batch)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def main():
    torch.manual_seed(0)
    tokenizer, model = base()
    trainer = LatentTrainer(model, tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": LATENT})
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    print("vocabulary", len(tokenizer), "embedding rows", model.get_input_embeddings().num_embeddings)
    for n in range(3):
        print("step", n, round(trainer.step(TEXTS), 3))


if __name__ == "__main__":
    main()
