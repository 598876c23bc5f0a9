import torch
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2LMHeadModel

EOS, PAD = 1, 0


class FTDataset(Dataset):
    def __init__(self, n, vocab, seed=110):
        gen = torch.Generator().manual_seed(seed)
        self.rows = [torch.randint(3, vocab, (5 + i % 3,), generator=gen) for i in range(n)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        query = torch.full((16,), PAD)
        query[: len(self.rows[i])] = self.rows[i]
        return {"id": i, "query": query, "query_len": len(self.rows[i])}


def reorder(query, beam_id, batch_size, num_beams):
    query = query.view(batch_size, num_beams, -1)
    index = beam_id.unsqueeze(-1).expand(-1, -1, query.size(-1))
    return query.gather(1, index).view(batch_size * num_beams, -1)


@torch.no_grad()
def beam(model, loader, num_beams=3, eval_len=4):
    all_predictions = {}
    for data in loader:
        _id, _query, _query_len = data["id"], data["query"], data["query_len"]
        batch_size = _id.size(0)
        _batch = torch.arange(0, batch_size)
        _query = _query.repeat(1, num_beams).view(batch_size * num_beams, -1)
        _query_len = _query_len.unsqueeze(-1).repeat(1, num_beams).view(-1)
        beam_scores = torch.zeros(batch_size, num_beams)
        beam_scores[:, 1:] = -1e9
        for _ in range(eval_len):
            logits = model(_query).logits
            logits = logits[_batch, (_query_len - 1).long(), :]
            logprob = torch.log_softmax(logits, dim=-1)
            vocab = logprob.size(-1)
            total = logprob.view(batch_size, num_beams, vocab) + beam_scores.unsqueeze(-1)
            beam_scores, best = total.view(batch_size, -1).topk(num_beams, dim=-1)
            beam_id, token_id = best // vocab, best % vocab
            _query = reorder(_query, beam_id, batch_size, num_beams)
            _query.scatter_(1, _query_len.unsqueeze(-1), token_id.view(-1, 1))
            _query_len = _query_len + 1
        best_rows = _query.view(batch_size, num_beams, -1)[:, 0]
        for i, row, end in zip(_id.tolist(), best_rows, _query_len[::num_beams].tolist()):
            all_predictions[i] = row[end - eval_len : end].tolist()
    return all_predictions


if __name__ == "__main__":
    torch.manual_seed(110)
    config = GPT2Config(vocab_size=48, n_positions=32, n_embd=32, n_layer=2, n_head=4, bos_token_id=EOS, eos_token_id=EOS)
    lm_net = GPT2LMHeadModel(config).eval()
    loader = DataLoader(FTDataset(4, 48), batch_size=2, shuffle=False)
    for key, tokens in beam(lm_net, loader).items():
        print(key, tokens)
