import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MANUAL = {
    "battery": "the battery lasts nine hours and charges in two",
    "strap": "the strap can be swapped without any tools",
    "water": "the watch resists water down to fifty metres",
    "sleep": "sleep tracking starts when the watch lies still",
    "heart": "heart rate is measured once every five seconds",
    "maps": "maps are stored offline for three regions only",
}
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer():
    vocab = {t: i for i, t in enumerate(["<pad>", "<|end|>", "<unk>", "<|user|>", "<|assistant|>"])}
    for text in list(MANUAL.values()) + ["known : question : what about"] + list(MANUAL):
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", pad_token="<pad>", eos_token="<|end|>", chat_template=TEMPLATE
    )
    return tokenizer


def build_model(tokenizer):
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.4, pad_token_id=0, bos_token_id=None,
        eos_token_id=1,
    )).eval()


class KnowledgeBaseChat:
    def __init__(self, model, tokenizer, max_length=96, answer_words=6):
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.answer_words = answer_words
        self.history = []

    def retrieve(self, topic):
        return MANUAL[topic]

    @torch.no_grad()
    def ask(self, topic):
        prompt = f"known : {self.retrieve(topic)} question : what about {topic}"
        self.history.append({"role": "user", "content": prompt})
        enc = self.tokenizer.apply_chat_template(
            self.history, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        out = self.model.generate(
            input_ids=enc["input_ids"], attention_mask=enc["attention_mask"], max_new_tokens=self.max_length, do_sample=False
        )
        new = out[0, enc["input_ids"].size(1):]
        words = self.tokenizer.decode(new, skip_special_tokens=True).split()
        answer = " ".join(words[:self.answer_words])
        self.history.append({"role": "assistant", "content": answer})
        return answer


def main():
    tokenizer = build_tokenizer()
    chat = KnowledgeBaseChat(build_model(tokenizer), tokenizer)
    for topic in MANUAL:
        answer = chat.ask(topic)
        print(f"{topic}: {len(answer.split())} words in the answer, {len(chat.history)} turns kept")


if __name__ == "__main__":
    main()
