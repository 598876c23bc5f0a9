"""Policy loss on packed sequences, bins aligned for the kernels."""
import torch
import torch.nn as nn

VOCAB, HIDDEN, ALIGN = 40, 16, 8


class PackedPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, HIDDEN)
        self.mix = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, VOCAB)

    def forward(self, packed_ids, cu_seqlens):
        pieces = packed_ids.split((cu_seqlens[1:] - cu_seqlens[:-1]).tolist(), dim=1)
        return torch.cat([self.head(self.mix(self.embed(p))[0]) for p in pieces], dim=1)


def pack_for_model(input_ids, lengths, pad_to_multiple):
    rows = [input_ids[i, :n] for i, n in enumerate(lengths.tolist())]
    cu_seqlens = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    tail = -int(cu_seqlens[-1]) % pad_to_multiple
    if tail > 0:
        rows.append(input_ids.new_zeros(tail))
        cu_seqlens[-1] += tail
    return torch.cat(rows).unsqueeze(0), cu_seqlens


def pack_input_ids(input_ids, cu_seqlens):
    packed = torch.zeros(1, int(cu_seqlens[-1]), dtype=input_ids.dtype)
    for i in range(input_ids.shape[0]):
        start = int(cu_seqlens[i])
        actual_len = min(int(cu_seqlens[i + 1] - cu_seqlens[i]), input_ids.shape[1])
        packed[0, start:start + actual_len] = input_ids[i, :actual_len]
    return packed


def packed_logprobs(logits, input_ids, cu_seqlens):
    targets = pack_input_ids(input_ids, cu_seqlens).roll(-1, dims=1)
    logp = logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    out = logits.new_zeros(input_ids.shape[0], input_ids.shape[1] - 1)
    for i in range(input_ids.shape[0]):
        piece = logp[0, int(cu_seqlens[i]):int(cu_seqlens[i + 1]) - 1][:out.shape[1]]
        out[i, :piece.shape[0]] = piece
    return out


def rollouts(batches, rows, max_len):
    gen = torch.Generator().manual_seed(0)
    for _ in range(batches):
        lengths = torch.randint(4, max_len + 1, (rows,), generator=gen)
        width = int(lengths.max())
        ids = torch.randint(1, VOCAB, (rows, width), generator=gen)
        keep = torch.arange(width) < lengths.unsqueeze(1)
        yield ids * keep, lengths, keep, torch.randn(rows, 1, generator=gen)


if __name__ == "__main__":
    torch.manual_seed(0)
    policy = PackedPolicy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    for step, (input_ids, lengths, keep, advantage) in enumerate(rollouts(6, rows=4, max_len=11)):
        packed_ids, cu_seqlens = pack_for_model(input_ids, lengths, ALIGN)
        logprobs = packed_logprobs(policy(packed_ids, cu_seqlens), input_ids, cu_seqlens)
        loss = -(advantage * logprobs * keep[:, 1:]).sum() / keep[:, 1:].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step, "tokens", int(lengths.sum()), "loss", round(loss.item(), 4))
