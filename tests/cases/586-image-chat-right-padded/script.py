"""Answer questions about images: features of a small vision tower stand in the place of <ImageHere>."""
import torch
from torch import nn
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = "### Human: <Img> <ImageHere> </Img> {question} ### Assistant:"
QUESTIONS = [
    "what is the man in the red coat holding in his left hand ?",
    "how many dogs ?",
    "is it raining in the picture ?",
]


class VisionTower(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 4, stride=4)
        self.proj = nn.Linear(12, width)

    def forward(self, images):
        return self.proj(self.conv(images).relu().mean(dim=(2, 3)))


def make_tokenizer():
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    for word in " ".join([TEMPLATE.format(question=""), *QUESTIONS]).split():
        vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        padding_side="right",
    )


class ImageChat(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.tokenizer = make_tokenizer()
        self.image_id = self.tokenizer.convert_tokens_to_ids("<ImageHere>")
        self.vision = VisionTower(width)
        self.llm = LlamaForCausalLM(LlamaConfig(
            vocab_size=len(self.tokenizer), hidden_size=width, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=4, initializer_range=0.4, bos_token_id=1, eos_token_id=2,
            pad_token_id=0,
        ))

    def embed(self, images, questions):
        texts = [TEMPLATE.format(question=q) for q in questions]
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        embeds = self.llm.get_input_embeddings()(batch["input_ids"])
        where = (batch["input_ids"] == self.image_id).unsqueeze(-1)
        embeds = embeds.masked_scatter(where, self.vision(images))
        return {"inputs_embeds": embeds, "attention_mask": batch["attention_mask"]}

    @torch.no_grad()
    def answer(self, images, questions, length=6):
        inputs = self.embed(images, questions)
        ids = self.llm.generate(**inputs, max_new_tokens=length, min_new_tokens=length, do_sample=False)
        return self.tokenizer.batch_decode(ids)


if __name__ == "__main__":
    torch.manual_seed(11)
    chat = ImageChat().eval()
    pictures = torch.rand(len(QUESTIONS), 3, 16, 16)
    for question, answer in zip(QUESTIONS, chat.answer(pictures, QUESTIONS)):
        print(f"{question[:30]:<30} -> {answer}")
