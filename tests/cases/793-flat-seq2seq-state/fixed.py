"""Hand a half-finished decoding job of a seq2seq model to another process as one flat list of tensors."""
import io

import torch
from transformers import DynamicCache, EncoderDecoderCache, T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput


def load_model():
    torch.manual_seed(0)
    return T5ForConditionalGeneration(T5Config(
        vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=4, num_heads=4,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )).eval()


def export_state(hidden, tokens, cache):
    flat = {"encoder_hidden_states": hidden, "tokens": tokens}
    layers = zip(cache.self_attention_cache.layers, cache.cross_attention_cache.layers)
    for i, (own, cross) in enumerate(layers):
        flat[f"present.{i}.decoder.key"] = own.keys
        flat[f"present.{i}.decoder.value"] = own.values
        flat[f"present.{i}.encoder.key"] = cross.keys
        flat[f"present.{i}.encoder.value"] = cross.values
    buffer = io.BytesIO()
    torch.save(flat, buffer)
    return buffer.getvalue()


def import_state(blob):
    flat = torch.load(io.BytesIO(blob))
    hidden, tokens, *states = flat.values()
    pairs = list(zip(states[0::2], states[1::2]))
    cache = EncoderDecoderCache(DynamicCache(pairs[0::2]), DynamicCache(pairs[1::2]))
    return hidden, tokens, cache


@torch.no_grad()
def advance(model, hidden, tokens, cache, steps):
    memory = BaseModelOutput(hidden)
    for _ in range(steps):
        fresh = tokens if cache is None else tokens[:, -1:]
        out = model(encoder_outputs=memory, decoder_input_ids=fresh, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        tokens = torch.cat([tokens, out.logits[:, -1:].argmax(-1)], dim=1)
    return tokens, cache


def main():
    model = load_model()
    source = torch.randint(2, 100, (2, 11))
    with torch.no_grad():
        hidden = model.encoder(source).last_hidden_state
    tokens, cache = advance(model, hidden, torch.zeros(2, 1, dtype=torch.long), None, steps=4)
    print("before the hand-over", tokens.tolist())
    blob = export_state(hidden, tokens, cache)
    tokens, _ = advance(model, *import_state(blob), steps=4)
    print("after the hand-over ", tokens.tolist())


if __name__ == "__main__":
    main()
