"""Fine-tune a small Idefics2 on picture conversations."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Idefics2Config, Idefics2ForConditionalGeneration, PreTrainedTokenizerFast

IMAGE_TOKEN, LATENTS = "<image>", 4
WORDS = "User: Assistant: what is on the plate ? two eggs and some toast . how many cats are there one cat".split()
TEMPLATE = (
    "{% for m in messages %}{{ m['role'].capitalize() }}: "
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<image> {% else %}{{ c['text'] }} {% endif %}{% endfor %}"
    "<end_of_utterance> {% endfor %}"
)
HUB = {
    "tiny-idefics2-base": {"special": ["<pad>", "<s>", "</s>", "<unk>", IMAGE_TOKEN], "added": []},
    "tiny-idefics2-chat": {"special": ["<pad>", "<s>", "</s>", "<unk>", IMAGE_TOKEN], "added": ["<end_of_utterance>"]},
}


def load_tokenizer(name):
    vocab = {}
    for piece in HUB[name]["special"] + WORDS:
        vocab.setdefault(piece, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN] + HUB[name]["added"]})
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def load_model(name):
    torch.manual_seed(0)
    vision = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, image_size=28, patch_size=14)
    text = dict(
        model_type="mistral", vocab_size=len(load_tokenizer(name)), hidden_size=48, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )
    perceiver = dict(
        hidden_size=48, resampler_n_latents=LATENTS, resampler_depth=1, resampler_n_heads=4, resampler_head_dim=12,
        num_key_value_heads=2,
    )
    config = Idefics2Config(vision_config=vision, perceiver_config=perceiver, text_config=text, image_token_id=4)
    return Idefics2ForConditionalGeneration(config)


class Collator:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, samples):
        texts = [self.tokenizer.apply_chat_template(s["messages"], tokenize=False) for s in samples]
        texts = [t.replace(IMAGE_TOKEN, " ".join([IMAGE_TOKEN] * LATENTS)) for t in texts]
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        labels[labels == self.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)] = -100
        batch["labels"] = labels
        batch["pixel_values"] = torch.stack([s["image"] for s in samples]).unsqueeze(1)
        return batch


def sample(question, answer):
    user = [{"type": "image"}, {"type": "text", "text": question}]
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]
    return {"messages": turns, "image": torch.rand(3, 28, 28)}


def main():
    tokenizer = load_tokenizer("tiny-idefics2-chat")
    model = load_model("tiny-idefics2-base")
    model.resize_token_embeddings(len(tokenizer))
    data = [sample("what is on the plate ?", "two eggs and some toast ."), sample("how many cats are there ?", "one cat .")]
    batch = Collator(tokenizer)(data)
    print("batch", tuple(batch["input_ids"].shape), "images", tuple(batch["pixel_values"].shape))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(3):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step} loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
