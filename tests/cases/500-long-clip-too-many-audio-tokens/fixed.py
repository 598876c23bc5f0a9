"""Fine-tuning samples for a small Qwen2-Audio model: questions about recordings of different length."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

AUDIO = "<|AUDIO|>"
MELS, HOP, WINDOW_FRAMES = 16, 160, 100
QUESTIONS = [
    ("what does the man say", 6400),
    ("which instrument is played", 14400),
    ("summarise the interview", 30400),
]


def make_tokenizer():
    vocab = {"<pad>": 0, "<eos>": 1, "<unk>": 2, "<|audio_bos|>": 3, "<|audio_eos|>": 4, AUDIO: 5}
    for question, _ in QUESTIONS:
        for word in question.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", eos_token="<eos>", pad_token="<pad>")


def make_model(vocab_size):
    torch.manual_seed(0)
    return Qwen2AudioForConditionalGeneration(Qwen2AudioConfig(
        audio_config=dict(
            model_type="qwen2_audio_encoder", num_mel_bins=MELS, d_model=32, encoder_layers=1,
            encoder_attention_heads=4, encoder_ffn_dim=64, max_source_positions=WINDOW_FRAMES // 2,
        ),
        text_config=dict(
            model_type="qwen2", vocab_size=vocab_size, hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        ),
        audio_token_index=5,
    )).eval()


def mel_features(wave):
    """Frame energies of one window, padded or cut to the length the encoder works on."""
    frames = wave[: WINDOW_FRAMES * HOP].unfold(0, HOP, HOP)
    mel = frames.unflatten(1, (MELS, -1)).pow(2).mean(2).log1p().T
    mask = torch.zeros(WINDOW_FRAMES, dtype=torch.long)
    mask[: mel.size(1)] = 1
    return torch.nn.functional.pad(mel, (0, WINDOW_FRAMES - mel.size(1))), mask


def audio_tokens(wave):
    frames = min(wave.numel() // HOP, WINDOW_FRAMES)
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


def prepare(tokenizer, question, wave):
    mel, mask = mel_features(wave)
    text = " ".join(["<|audio_bos|>"] + [AUDIO] * audio_tokens(wave) + ["<|audio_eos|>", question])
    batch = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    return {**batch, "input_features": mel[None], "feature_attention_mask": mask[None]}


if __name__ == "__main__":
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    gen = torch.Generator().manual_seed(1)
    for question, samples in QUESTIONS:
        batch = prepare(tokenizer, question, torch.randn(samples, generator=gen))
        with torch.no_grad():
            logits = model(**batch).logits
        print(f"{question:<28} {batch['input_ids'].size(1):>3} tokens, next {logits[0, -1].argmax().item()}")
