"""Read the next-token prediction and hidden states of several prompts with one traced forward pass."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

PROMPTS = [
    "the tower stands in",
    "when mary and john went to the shop john gave a drink to",
    "two and two",
]


class LanguageModel:
    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.tokenizer.padding_side = "left"
        self.captured = {}
        for index, block in enumerate(model.transformer.h):
            block.register_forward_hook(self._keep(index))

    def _keep(self, index):
        def hook(module, args, output):
            self.captured[index] = output[0] if isinstance(output, tuple) else output
        return hook

    def _batch(self, prompts):
        encoded = self.tokenizer(prompts, padding=True, return_tensors="pt", return_token_type_ids=False)
        position_ids = (encoded["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        return dict(encoded, position_ids=position_ids)

    @torch.no_grad()
    def trace(self, *prompts):
        inputs = self._batch(list(prompts))
        logits = self.model(**inputs).logits[:, -1]
        best = logits.softmax(-1).max(-1)
        words = self.tokenizer.convert_ids_to_tokens(best.indices.tolist())
        return list(zip(words, best.values.tolist())), self.captured[0][:, -1]


def build():
    words = sorted({w for p in PROMPTS for w in p.split()})
    vocab = {"<eos>": 0, "<unk>": 1, **{w: i + 2 for i, w in enumerate(words)}}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<eos>", pad_token="<eos>")
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=len(vocab), n_positions=32, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4,
        bos_token_id=0, eos_token_id=0,
    )
    return LanguageModel(GPT2LMHeadModel(config), tokenizer)


def main():
    lm = build()
    answers, hidden = lm.trace(*PROMPTS)
    for prompt, (word, p), h in zip(PROMPTS, answers, hidden):
        print(f"{prompt!r:>62} -> {word:<6} {p:.3f}  |h0| {h.norm():.3f}")
    for prompt in PROMPTS:
        [(word, p)], h = lm.trace(prompt)
        print(f"{prompt!r:>62} -> {word:<6} {p:.3f}  |h0| {h.norm():.3f}")


if __name__ == "__main__":
    main()
