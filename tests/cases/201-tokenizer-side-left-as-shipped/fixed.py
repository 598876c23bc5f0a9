"""Continue the first words of a few stories with a small Llama."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

OPENINGS = [
    "on the last day of the long winter the old miller heard a knock",
    "a fox slept",
    "nobody in the village had ever seen the sea",
]


def build_tokenizer(lines):
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    for line in lines:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        padding_side="left",
    )


class StoryWriter:
    def __init__(self, tokenizer, length=7):
        torch.manual_seed(11)
        self.tokenizer = tokenizer
        self.length = length
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )).eval()

    def write(self, openings):
        batch = self.tokenizer(openings, padding=True, return_tensors="pt", return_token_type_ids=False)
        out = self.model.generate(
            **batch, max_new_tokens=self.length, min_new_tokens=self.length, do_sample=False
        )
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].size(1):])


def main():
    writer = StoryWriter(build_tokenizer(OPENINGS))
    for opening, ending in zip(OPENINGS, writer.write(OPENINGS)):
        print(f"{opening[:28]:<28} | {ending}")
    print(f"{OPENINGS[1]:<28} | {writer.write(OPENINGS[1:2])[0]}   (asked alone)")


if __name__ == "__main__":
    main()
