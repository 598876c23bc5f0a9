"""Document vectors from a small Japanese RoBERTa, cut to what the model can read."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

LETTERS = "あいうえおかきくけこさしすせそたちつてと"
SPECIALS = ["<s>", "</s>", "<unk>", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
CONTEXT = 64


class Reader:
    def __init__(self):
        vocab = {piece: i for i, piece in enumerate(SPECIALS + list(LETTERS))}
        core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="[PAD]",
            cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=CONTEXT - 2,
        )
        config = RobertaConfig(
            vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=CONTEXT + 2, type_vocab_size=2, pad_token_id=self.tokenizer.pad_token_id,
            bos_token_id=0, eos_token_id=1,
        )
        self.model = RobertaModel(config, add_pooling_layer=False).eval()

    def encode(self, documents):
        return self.tokenizer(
            documents, padding=True, truncation=True, return_tensors="pt", return_token_type_ids=True
        )

    @torch.no_grad()
    def vectors(self, documents):
        enc = self.encode(documents)
        hidden = self.model(**enc).last_hidden_state
        weight = enc["attention_mask"].unsqueeze(-1).float()
        return (hidden * weight).sum(1) / weight.sum(1)


def diary(days):
    return "".join(LETTERS[(7 * d + d // 3) % len(LETTERS)] for d in range(days))


def main():
    torch.manual_seed(1)
    reader = Reader()
    for title, texts in [("notes", [diary(12), diary(31)]), ("letters", [diary(48), diary(200)])]:
        vec = reader.vectors(texts)
        print(f"{title}: {tuple(vec.shape)} first two are {torch.cosine_similarity(vec[0], vec[1], dim=0):.3f} alike")


if __name__ == "__main__":
    main()
