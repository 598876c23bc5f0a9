"""A command-line assistant that keeps the conversation in a list of messages."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = "you are a helpful guide what is there to see in town the old bridge and how far it".split()
MARKS = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]


def load(seed=1):
    vocab = {piece: i for i, piece in enumerate(["<unk>", *MARKS, *dict.fromkeys(WORDS)])}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3,
        bos_token_id=None, eos_token_id=4, pad_token_id=4,
    ))
    return tokenizer, model.eval()


class Assistant:
    def __init__(self, system):
        self.tokenizer, self.model = load()
        self.history = [{"role": "system", "content": system}]

    def prompt(self):
        return self.tokenizer.apply_chat_template(
            list(self.history), add_generation_prompt=True, return_tensors="pt"
        )

    def ask(self, question, max_new_tokens=6):
        self.history.append({"role": "user", "content": question})
        inputs = self.prompt()
        output = self.model.generate(inputs, max_new_tokens=max_new_tokens, do_sample=False)
        answer = self.tokenizer.decode(output[0][len(inputs[0]):], skip_special_tokens=True)
        self.history.append({"role": "assistant", "content": answer})
        return answer


if __name__ == "__main__":
    assistant = Assistant("you are a helpful guide")
    for question in ("what is there to see in town", "how far is it"):
        print("user:     ", question)
        print("assistant:", assistant.ask(question))
