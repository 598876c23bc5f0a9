"""Answer a list of questions in batches with a fine-tuned Llama."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

QUESTIONS = [
    "what is the capital of france",
    "who wrote it",
    "name the largest ocean on the planet and its depth",
    "how many legs has a spider",
    "why",
]
HEADER = "<|begin|> <|user|> {} <|eot|> <|assistant|>"


def get_tokenizer():
    vocab = {t: i for i, t in enumerate(["<|pad|>", "<|begin|>", "<|user|>", "<|assistant|>", "<|eot|>", "<unk>"])}
    for question in QUESTIONS:
        for word in question.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", pad_token="<|pad|>", eos_token="<|eot|>", bos_token="<|begin|>"
    )


def get_model(tokenizer):
    torch.manual_seed(7)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )).eval()


def batches(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]


@torch.no_grad()
def continue_batch(model, input_ids, attention_mask, steps):
    answers = []
    for _ in range(steps):
        position_ids = (attention_mask.cumsum(-1) - 1).clamp(min=0)
        logits = model(input_ids, attention_mask=attention_mask, position_ids=position_ids).logits
        token = logits[:, -1].argmax(-1, keepdim=True)
        input_ids = torch.cat([input_ids, token], dim=1)
        attention_mask = torch.cat([attention_mask, torch.ones_like(token)], dim=1)
        answers.append(token)
    return torch.cat(answers, dim=1)


def main(batch_size=3, steps=5):
    tokenizer = get_tokenizer()
    model = get_model(tokenizer)
    for chunk in batches(QUESTIONS, batch_size):
        prompts = [HEADER.format(question) for question in chunk]
        encoded = tokenizer(prompts, padding=True, return_tensors="pt", add_special_tokens=False)
        answers = continue_batch(model, encoded["input_ids"], encoded["attention_mask"], steps)
        for question, ids in zip(chunk, answers):
            print(f"{question[:30]:<30} | {tokenizer.decode(ids)}")


if __name__ == "__main__":
    main()
