"""A help desk: every ticket is answered after the same instructions."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

INSTRUCTIONS = "you are the help desk of a bank . answer in one sentence ."
TICKETS = [
    "lost card",
    "i moved to another town last week and need to change my address",
    "there is a payment of twelve euro on my account that i never made and i want it back as soon as you can do it",
]


def make_tokenizer():
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "<|user|>": 4, "<|bot|>": 5}
    for word in " ".join([INSTRUCTIONS, *TICKETS]).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


class HelpDesk:
    def __init__(self, instructions, reuse_context=False, max_new_tokens=5):
        self.tokenizer = make_tokenizer()
        self.instructions = instructions
        self.options = {"max_new_tokens": max_new_tokens, "min_new_tokens": max_new_tokens, "do_sample": False}
        self.reuse_context = reuse_context
        self.context = None
        torch.manual_seed(4)
        self.model = Qwen2ForCausalLM(Qwen2Config(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )).eval()

    def render(self, ticket):
        return f"<s> {self.instructions} <|user|> {ticket} <|bot|>"

    def answer(self, ticket):
        inputs = self.tokenizer(self.render(ticket), return_tensors="pt", return_token_type_ids=False)
        out = self.model.generate(
            **inputs, **self.options, past_key_values=self.context, return_dict_in_generate=True
        )
        if self.reuse_context:
            self.context = out.past_key_values
        return self.tokenizer.decode(out.sequences[0, inputs["input_ids"].size(1):])


def main():
    desk = HelpDesk(INSTRUCTIONS)
    for number, ticket in enumerate(TICKETS):
        print(f"#{number} {ticket[:20]:<20} | {desk.answer(ticket)}")


if __name__ == "__main__":
    main()
