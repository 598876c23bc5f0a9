"""Encode a batch of sentences once, then reconstruct them with the decoder step by step."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

SENTENCES = [
    "the heavy rain stopped the match after the second half had begun",
    "prices rose again",
    "a small boat crossed the bay at night",
]


def build_tokenizer(texts):
    vocab = {"<pad>": 0, "</s>": 1, "<unk>": 2, "recon:": 3}
    for text in texts:
        for word in text.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def build_model(vocab_size):
    torch.manual_seed(8)
    return T5ForConditionalGeneration(T5Config(
        vocab_size=vocab_size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0,
        initializer_factor=3.0, tie_word_embeddings=False,
    )).eval()


class Reconstructor:
    def __init__(self, texts):
        self.tokenizer = build_tokenizer(texts)
        self.model = build_model(len(self.tokenizer))
        self.start = self.tokenizer.convert_tokens_to_ids("recon:")

    def encode(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        encodings = self.model.encoder(**batch).last_hidden_state
        return encodings, batch["attention_mask"]

    @torch.no_grad()
    def run(self, texts, max_len=8):
        encodings, mask = self.encode(texts)
        decoded = torch.full((len(texts), 1), self.start)
        score = torch.zeros(len(texts))
        for _ in range(max_len):
            hidden = self.model.decoder(
                input_ids=decoded, encoder_hidden_states=encodings, encoder_attention_mask=mask, use_cache=False
            ).last_hidden_state
            logp = self.model.lm_head(hidden[:, -1]).log_softmax(-1)
            best, token = logp.max(-1)
            score += best
            decoded = torch.cat([decoded, token.unsqueeze(1)], dim=1)
        return decoded[:, 1:], score / mask.sum(1)


if __name__ == "__main__":
    reconstructor = Reconstructor(SENTENCES)
    ids, scores = reconstructor.run(SENTENCES)
    for row, value in zip(ids, scores.tolist()):
        print(f"{value:8.3f}  {reconstructor.tokenizer.decode(row)}")
