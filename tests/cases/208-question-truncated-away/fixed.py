"""Answer reading-comprehension questions with a model of a short context."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

CONTEXT = 32
PASSAGE = (
    "the lighthouse was built by a fisherman who had lost two boats on the rocks in one winter . "
    "his daughter kept the lamp for forty years and wrote down every ship that passed"
)
QUESTIONS = ["who built the lighthouse", "what did the daughter write down", "how many boats were lost"]


def make_tokenizer():
    vocab = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
    for word in " ".join([PASSAGE, *QUESTIONS, "question : answer :"]).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>", padding_side="left",
        truncation_side="left"
    )


class Reader:
    def __init__(self, answer_tokens=6):
        self.tokenizer = make_tokenizer()
        self.answer_tokens = answer_tokens
        torch.manual_seed(4)
        self.model = Qwen2ForCausalLM(Qwen2Config(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=CONTEXT, initializer_range=0.4,
            bos_token_id=None, eos_token_id=1, pad_token_id=0,
        )).eval()

    def answer(self, passage, questions):
        prompts = [f"{passage} question : {q} answer :" for q in questions]
        enc = self.tokenizer(
            prompts, padding=True, truncation=True, max_length=CONTEXT - self.answer_tokens, return_tensors="pt",
            return_token_type_ids=False,
        )
        out = self.model.generate(
            **enc, max_new_tokens=self.answer_tokens, min_new_tokens=self.answer_tokens, do_sample=False
        )
        return self.tokenizer.batch_decode(out[:, enc["input_ids"].size(1):])


if __name__ == "__main__":
    reader = Reader()
    for question, answer in zip(QUESTIONS, reader.answer(PASSAGE, QUESTIONS)):
        print(f"{question:<32} -> {answer}")
