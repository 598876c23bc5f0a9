import torch
from transformers import WhisperConfig, WhisperModel

config = WhisperConfig(
    vocab_size=100,
    num_mel_bins=16,
    d_model=32,
    encoder_layers=1,
    decoder_layers=1,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    max_source_positions=150,
    max_target_positions=32,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    decoder_start_token_id=1,
)
model = WhisperModel(config).eval()


def features(seconds, rate=100):
    return torch.randn(1, 16, int(seconds * rate))


chunk = features(2.0)
out = model(input_features=chunk, decoder_input_ids=torch.tensor([[1, 5]]))
print(out.last_hidden_state.shape)
