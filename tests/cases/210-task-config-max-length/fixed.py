"""Run generate-until tasks with a growing number of worked examples in the prompt."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GenerationConfig, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

TASKS = {
    "sums": {"max_new_tokens": 32, "do_sample": False},
    "copy": {"max_new_tokens": 3, "do_sample": False},
}
EXAMPLES = {
    "sums": [("what is 1 and 2 together", "it is 3"), ("what is 2 and 2 together", "it is 4"),
             ("what is 4 and 1 together", "it is 5")],
    "copy": [("repeat 1 2 3", "1 2 3"), ("repeat 5 4", "5 4"), ("repeat 9", "9")],
}
QUESTION = {"sums": "what is 3 and 6 together", "copy": "repeat 7 8"}


def prompt_for(task, shots):
    worked = [f"q : {q} a : {a} ;" for q, a in EXAMPLES[task][:shots]]
    return " ".join([*worked, f"q : {QUESTION[task]} a :"])


def make_tokenizer():
    vocab = {"<eos>": 0, "<pad>": 1, "<unk>": 2}
    for task in TASKS:
        for word in prompt_for(task, 3).split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>")


class Harness:
    def __init__(self):
        self.tokenizer = make_tokenizer()
        torch.manual_seed(0)
        self.model = GPTNeoXForCausalLM(GPTNeoXConfig(
            vocab_size=len(self.tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=128, bos_token_id=0, eos_token_id=0, pad_token_id=1,
        )).eval()

    def run(self, task, shots):
        settings = TASKS[task]
        config = GenerationConfig(**settings, eos_token_id=0, pad_token_id=1)
        enc = self.tokenizer(prompt_for(task, shots), return_tensors="pt", return_token_type_ids=False)
        out = self.model.generate(**enc, generation_config=config)
        return out[0, enc["input_ids"].size(1):].tolist()


if __name__ == "__main__":
    harness = Harness()
    for shots in (0, 1, 3):
        for task in TASKS:
            print(f"{task} {shots}-shot: {len(harness.run(task, shots))} tokens generated")
