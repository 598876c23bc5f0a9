import argparse
import io
import string

import torch
from torch import nn

PUNCTUATION = "_-!'(),.:;? "


def get_symbols(symbol_set):
    letters = string.ascii_letters
    if symbol_set == "vietnamese":
        letters += "ăâđêôơưàảãáạèẻẽéẹ"
    return list(PUNCTUATION) + list(letters)


class Tacotron(nn.Module):
    def __init__(self, n_symbols, symbols_embedding_dim, encoder_dim, n_mel_channels):
        super().__init__()
        self.embedding = nn.Embedding(n_symbols, symbols_embedding_dim)
        self.encoder = nn.GRU(symbols_embedding_dim, encoder_dim, batch_first=True)
        self.mel = nn.Linear(encoder_dim, n_mel_channels)

    def forward(self, text):
        states, _ = self.encoder(self.embedding(text))
        return self.mel(states)


def tacotron_args(parent):
    parser = argparse.ArgumentParser(parents=[parent], add_help=False)
    parser.add_argument("--n-symbols", type=int, default=64)
    parser.add_argument("--symbols-embedding-dim", type=int, default=24)
    parser.add_argument("--encoder-dim", type=int, default=32)
    parser.add_argument("--n-mel-channels", type=int, default=20)
    return parser


def model_from_args(args):
    return Tacotron(args.n_symbols, args.symbols_embedding_dim, args.encoder_dim, args.n_mel_channels)


def trained_checkpoint(symbol_set):
    """Stands in for the run that was trained on the new language."""
    torch.manual_seed(0)
    model = Tacotron(len(get_symbols(symbol_set)), 24, 32, 20)
    stream = io.BytesIO()
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}, "epoch": 400}, stream)
    stream.seek(0)
    return stream


def load_and_setup_model(args, stream):
    model = model_from_args(args)
    state = {k.removeprefix("module."): v for k, v in torch.load(stream)["state_dict"].items()}
    status = model.load_state_dict(state, strict=False)
    print("loaded Tacotron:", status)
    return model.eval()


def extract_mels(argv, lines):
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--symbol-set", default="english_basic")
    args = tacotron_args(parent).parse_args(argv)
    model = load_and_setup_model(args, trained_checkpoint(args.symbol_set))
    ids = {s: i for i, s in enumerate(get_symbols(args.symbol_set))}
    for line in lines:
        with torch.no_grad():
            mel = model(torch.tensor([[ids[c] for c in line]]))
        print(line, tuple(mel.shape[1:]), round(mel.abs().mean().item(), 4))


if __name__ == "__main__":
    extract_mels(["--symbol-set", "vietnamese"], ["em đi chơi", "tôi đã đi."])
