"""Beam search with an incremental decoder that mixes a convolutional and a recurrent path."""
import torch
from torch import nn
from torch.nn import functional as F

VOCAB, BOS, EOS = 30, 1, 2


class MixedDecoder(nn.Module):
    def __init__(self, width=24, window=3):
        super().__init__()
        self.window = window
        self.embed = nn.Embedding(VOCAB, width)
        self.conv = nn.Conv1d(width, width, window)
        self.gru = nn.GRUCell(width, width)
        self.out = nn.Linear(2 * width, VOCAB)

    def start(self, encoder_state):
        rows, width = encoder_state.shape
        return {"window": torch.zeros(rows, width, self.window), "hidden": encoder_state}

    def forward(self, last, state):
        x = self.embed(last)
        state["window"] = torch.cat([state["window"][:, :, 1:], x.unsqueeze(-1)], dim=-1)
        state["hidden"] = self.gru(x, state["hidden"])
        local = self.conv(state["window"]).squeeze(-1).relu()
        return F.log_softmax(self.out(torch.cat([local, state["hidden"]], dim=-1)), dim=-1)

    def reorder_incremental_state(self, state, order):
        state["window"] = state["window"].index_select(0, order)
        state["hidden"] = state["hidden"].index_select(0, order)


class SequenceGenerator:
    def __init__(self, decoder, beam=4, max_len=10):
        self.decoder, self.beam, self.max_len = decoder, beam, max_len

    @torch.no_grad()
    def generate(self, encoder_state):
        state = self.decoder.start(encoder_state.repeat(self.beam, 1))
        tokens = torch.full((self.beam, 1), BOS)
        scores = torch.tensor([0.0] + [float("-inf")] * (self.beam - 1))
        for _ in range(self.max_len):
            step = self.decoder(tokens[:, -1], state)
            step[:, [0, BOS, EOS]] = float("-inf")
            total, flat = (scores.unsqueeze(1) + step).flatten().topk(self.beam)
            parents, words = flat // VOCAB, flat % VOCAB
            self.decoder.reorder_incremental_state(state, parents)
            tokens = torch.cat([tokens[parents], words.unsqueeze(1)], dim=1)
            scores = total
        return tokens[0, 1:], scores[0].item()


def sharpen(module, factor=6.0):
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(factor)


def main():
    torch.manual_seed(11)
    decoder = MixedDecoder().eval()
    sharpen(decoder.out)
    sharpen(decoder.gru, 3.0)
    sources = torch.randn(3, 24)
    generator = SequenceGenerator(decoder)
    for i, source in enumerate(sources):
        words, score = generator.generate(source.unsqueeze(0))
        print(f"H-{i}\t{score:.4f}\t{' '.join(str(w) for w in words.tolist())}")


if __name__ == "__main__":
    main()
