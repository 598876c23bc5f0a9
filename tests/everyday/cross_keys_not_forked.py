import torch
from transformers import BartConfig, BartForConditionalGeneration, DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

torch.set_num_threads(1)
torch.manual_seed(0)
cfg = BartConfig(
    vocab_size=100,
    d_model=32,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    max_position_embeddings=64,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
    decoder_start_token_id=2,
)
model = BartForConditionalGeneration(cfg).eval()


def fork(cache, k):
    for layer in cache.self_attention_cache.layers:
        layer.keys = layer.keys.repeat_interleave(k, dim=0)
        layer.values = layer.values.repeat_interleave(k, dim=0)
    return cache


@torch.no_grad()
def diverse_summaries(input_ids, attention_mask, k=3, steps=6):
    """One shared start, then k sampled continuations for every document."""
    enc = model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    start = torch.full((input_ids.shape[0], 1), cfg.decoder_start_token_id)
    out = model(
        encoder_outputs=enc,
        attention_mask=attention_mask,
        decoder_input_ids=start,
        past_key_values=cache,
        use_cache=True,
    )
    first = out.logits[:, -1].topk(k, dim=-1).indices.reshape(-1, 1)

    enc = BaseModelOutput(last_hidden_state=enc.last_hidden_state.repeat_interleave(k, dim=0))
    attention_mask = attention_mask.repeat_interleave(k, dim=0)
    cache = fork(out.past_key_values, k)
    seqs, last = first, first
    for _ in range(steps):
        out = model(
            encoder_outputs=enc,
            attention_mask=attention_mask,
            decoder_input_ids=last,
            past_key_values=cache,
            use_cache=True,
        )
        last = torch.multinomial(out.logits[:, -1].softmax(-1), 1)
        seqs = torch.cat([seqs, last], dim=1)
    return seqs.view(input_ids.shape[0], k, -1)


docs = torch.randint(3, 100, (2, 11))
mask = torch.ones_like(docs)
docs[1, 7:] = 1
mask[1, 7:] = 0
print(diverse_summaries(docs, mask))
