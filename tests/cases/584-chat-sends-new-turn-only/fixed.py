"""A chat session that keeps the keys and values of earlier turns and only sends the new turn to the model."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DynamicCache, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

TURNS = ["hello can you name a few quiet towns in the north", "and one by the sea", "thank you"]


def build_tokenizer():
    vocab = {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2, "<unk>": 3, "user": 4, "assistant": 5}
    for turn in TURNS:
        for word in turn.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


def build_model(tokenizer):
    torch.manual_seed(3)
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.4, bos_token_id=None,
        eos_token_id=2, pad_token_id=0,
    )).eval()


class ChatSession:
    def __init__(self, model, tokenizer, max_new_tokens=6):
        self.model, self.tokenizer = model, tokenizer
        self.max_new_tokens = max_new_tokens
        self.cache = DynamicCache()
        self.history = []

    def render(self, text):
        past = "".join(f"<|im_start|> user {q} <|im_end|> <|im_start|> assistant {a} <|im_end|> " for q, a in self.history)
        return past + f"<|im_start|> user {text} <|im_end|> <|im_start|> assistant"

    def ask(self, text):
        inputs = self.tokenizer(self.render(text), return_tensors="pt", return_token_type_ids=False)
        output = self.model.generate(
            **inputs, past_key_values=self.cache, max_new_tokens=self.max_new_tokens,
            min_new_tokens=self.max_new_tokens, do_sample=False, return_dict_in_generate=True,
        )
        self.cache = output.past_key_values
        answer = self.tokenizer.decode(output.sequences[0, inputs["input_ids"].size(1):])
        self.history.append((text, answer))
        return answer


def main():
    tokenizer = build_tokenizer()
    session = ChatSession(build_model(tokenizer), tokenizer)
    for turn in TURNS:
        answer = session.ask(turn)
        print(f"{turn} -> {answer} ({session.cache.get_seq_length()} cached)")


if __name__ == "__main__":
    main()
