"""Fine-tune a small causal model on instructions, save it, load it for inference."""
import io

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAIRS = [
    ("name the capital of france", "paris"),
    ("add two and three", "five"),
    ("say hello to the new colleague", "hello and welcome"),
]
PROMPT = "### instruction : {} ### response :"


def base_tokenizer():
    vocab = {"<s>": 0, "</s>": 1, "<unk>": 2}
    for question, answer in PAIRS:
        for word in f"{PROMPT.format(question)} {answer}".split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def base_model(tokenizer):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1,
    ))


def smart_resize(tokenizer, model):
    added = tokenizer.add_special_tokens({"pad_token": "<pad>"})
    if added:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)


def finetune(steps=40):
    tokenizer = base_tokenizer()
    model = base_model(tokenizer)
    smart_resize(tokenizer, model)
    texts = [f"{PROMPT.format(q)} {a} </s>" for q, a in PAIRS]
    batch = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        loss = model(**batch, labels=labels).loss
        loss.backward()
        optimizer.step(), optimizer.zero_grad()
    print(f"train loss {loss.item():.3f}")
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.getvalue()


def load_for_inference(checkpoint):
    tokenizer = base_tokenizer()
    model = base_model(tokenizer)
    model.load_state_dict(torch.load(io.BytesIO(checkpoint)))
    return tokenizer, model.eval()


if __name__ == "__main__":
    tokenizer, model = load_for_inference(finetune())
    enc = tokenizer(PROMPT.format("add two and three"), return_tensors="pt", return_token_type_ids=False)
    out = model.generate(**enc, max_new_tokens=4, do_sample=False, pad_token_id=tokenizer.eos_token_id)
    print("answer:", tokenizer.decode(out[0, enc["input_ids"].size(1):], skip_special_tokens=True))
