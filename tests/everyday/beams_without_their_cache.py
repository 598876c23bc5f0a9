import torch
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

torch.set_num_threads(1)
torch.manual_seed(0)
cfg = T5Config(
    vocab_size=60,
    d_model=32,
    d_kv=8,
    d_ff=64,
    num_layers=2,
    num_heads=4,
    initializer_factor=4.0,
    pad_token_id=0,
    eos_token_id=1,
    decoder_start_token_id=0,
)
model = T5ForConditionalGeneration(cfg).eval()
K, STEPS = 4, 8


@torch.no_grad()
def beam_search(input_ids):
    b = input_ids.shape[0]
    enc = model.encoder(input_ids=input_ids).last_hidden_state.repeat_interleave(K, dim=0)
    enc = BaseModelOutput(last_hidden_state=enc)
    seqs = torch.full((b * K, 1), cfg.decoder_start_token_id)
    scores = torch.full((b, K), -1e9)
    scores[:, 0] = 0.0
    cache = None
    for _ in range(STEPS):
        out = model(encoder_outputs=enc, decoder_input_ids=seqs[:, -1:], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logp = out.logits[:, -1].log_softmax(-1)
        logp[:, cfg.eos_token_id] = -1e9
        total = (scores.view(-1, 1) + logp).view(b, -1)
        scores, flat = total.topk(K, dim=-1)
        parent, token = flat // cfg.vocab_size, flat % cfg.vocab_size
        rows = (torch.arange(b)[:, None] * K + parent).reshape(-1)
        seqs = torch.cat([seqs[rows], token.reshape(-1, 1)], dim=1)
    return seqs.view(b, K, -1)[:, 0], scores[:, 0]


@torch.no_grad()
def rescore(input_ids, seqs):
    logits = model(input_ids=input_ids, decoder_input_ids=seqs[:, :-1]).logits.log_softmax(-1)
    return logits.gather(-1, seqs[:, 1:, None]).sum((1, 2))


src = torch.randint(2, 60, (3, 9))
best, score = beam_search(src)
print(best)
print("search score", score)
print("model score ", rescore(src, best))
