"""Evaluate a chat model on short questions, several conversations at a time."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %} <|{{ m['role'] }}|> {{ m['content'] }} <|end|>{% endfor %}"
    "{% if add_generation_prompt %} <|assistant|>{% endif %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
QUESTIONS = ["name a planet with rings", "is a whale a fish", "count to three"]


def make_tokenizer():
    vocab = {token: i for i, token in enumerate(SPECIAL)}
    for word in " ".join(["answer in one word", *QUESTIONS]).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        additional_special_tokens=SPECIAL[4:], padding_side="left", chat_template=TEMPLATE,
    )


class ChatEvaluator:
    def __init__(self):
        self.tokenizer = make_tokenizer()
        torch.manual_seed(30)
        self.model = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(self.tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.5,
            bos_token_id=1, eos_token_id=2, pad_token_id=0,
        )).eval()

    def conversation(self, question):
        return [{"role": "system", "content": "answer in one word"}, {"role": "user", "content": question}]

    def ask(self, questions, length=6):
        chats = [self.conversation(q) for q in questions]
        texts = [self.tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
        batch = self.tokenizer(
            texts, add_special_tokens=False, padding=True, return_tensors="pt", return_token_type_ids=False
        )
        out = self.model.generate(**batch, max_new_tokens=length, min_new_tokens=length, do_sample=False)
        return out[:, batch["input_ids"].size(1):].tolist()

    def ask_one(self, question, length=6):
        enc = self.tokenizer.apply_chat_template(
            self.conversation(question), add_generation_prompt=True, return_tensors="pt", return_dict=True,
            tokenizer_kwargs={"return_token_type_ids": False},
        )
        out = self.model.generate(**enc, max_new_tokens=length, min_new_tokens=length, do_sample=False)
        return out[0, enc["input_ids"].size(1):].tolist()


if __name__ == "__main__":
    evaluator = ChatEvaluator()
    for question, ids in zip(QUESTIONS, evaluator.ask(QUESTIONS)):
        print(f"{question:<26} batch {ids} demo {evaluator.ask_one(question)}")
