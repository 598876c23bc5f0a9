import torch
from transformers import BartConfig, BartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

torch.manual_seed(0)
torch.set_num_threads(1)
PAD, BOS, EOS = 1, 0, 2


def tiny_bart():
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=70,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            max_position_embeddings=64,
        )
    ).eval()


def pad_rows(rows):
    t = torch.full((len(rows), max(map(len, rows))), PAD)
    for i, r in enumerate(rows):
        t[i, : len(r)] = torch.tensor(r)
    return t, (t != PAD).long()


@torch.no_grad()
def rerank(model, src, src_mask, candidates):
    """candidates: for every source a list of n token lists; returns the best index."""
    n = len(candidates[0])
    enc = model.get_encoder()(input_ids=src, attention_mask=src_mask)
    states = enc.last_hidden_state.repeat_interleave(n, dim=0)
    tgt, tgt_mask = pad_rows([[BOS] + c + [EOS] for group in candidates for c in group])
    out = model(
        encoder_outputs=BaseModelOutput(last_hidden_state=states),
        attention_mask=src_mask,
        decoder_input_ids=tgt[:, :-1],
    )
    logp = out.logits.log_softmax(-1).gather(2, tgt[:, 1:, None]).squeeze(2)
    logp = (logp * tgt_mask[:, 1:]).sum(1) / tgt_mask[:, 1:].sum(1)
    return logp.view(-1, n).argmax(1).tolist()


model = tiny_bart()
rnd = lambda k: torch.randint(3, 70, (k,)).tolist()
requests = [(1, 4), (1, 3), (3, 4)]
for n_src, n_cand in requests:
    src, src_mask = pad_rows([rnd(6 + i) for i in range(n_src)])
    cands = [[rnd(4 + j) for j in range(n_cand)] for _ in range(n_src)]
    print(rerank(model, src, src_mask, cands))
