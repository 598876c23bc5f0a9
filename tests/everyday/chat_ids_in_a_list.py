"""The ids of one chat made a batch of one by hand: since transformers 5 the template gives a dictionary."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = "</s> <unk> the cat sat on a mat".split()
backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", pad_token="</s>", unk_token="<unk>")
tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
).eval()


def answer(question: str) -> str:
    ids = tokenizer.apply_chat_template([{"role": "user", "content": question}])
    batch = torch.tensor([ids])
    out = model.generate(batch, max_new_tokens=4, do_sample=False)
    return tokenizer.decode(out[0, batch.shape[1] :])


print(answer("the cat sat on"))
