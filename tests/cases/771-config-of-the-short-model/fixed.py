"""Turn a pretrained encoder into one for long documents and use it from disk."""
import os
import tempfile

import torch
from torch import nn
from transformers import BertConfig, BertModel

SHORT, LONG = 32, 128


def pretrained():
    torch.manual_seed(0)
    return BertModel(BertConfig(
        vocab_size=90, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=SHORT, pad_token_id=0,
    )).eval()


class LongConverter:
    def __init__(self, folder):
        self.folder = folder

    def file(self, name):
        return os.path.join(self.folder, name)

    def stretch(self, model, positions):
        """Repeat the learned positions until there are enough of them."""
        embeddings = model.embeddings
        old = embeddings.position_embeddings.weight.data
        copies = -(-positions // old.size(0))
        embeddings.position_embeddings = nn.Embedding.from_pretrained(old.repeat(copies, 1)[:positions], freeze=False)
        model.config.max_position_embeddings = positions
        embeddings.position_ids = torch.arange(positions).unsqueeze(0)
        embeddings.token_type_ids = torch.zeros(1, positions, dtype=torch.long)
        return model

    def convert(self, model, positions):
        model = self.stretch(model, positions)
        model.config.save_pretrained(self.folder)
        torch.save(model.state_dict(), self.file("weights.pt"))
        return model

    def restore(self):
        model = BertModel(BertConfig.from_pretrained(self.folder))
        model.load_state_dict(torch.load(self.file("weights.pt")))
        return model.eval()


@torch.no_grad()
def embed(model, ids):
    return model(ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 0]


def main():
    document = torch.arange(1, 101).remainder(89).add(1).unsqueeze(0)
    with tempfile.TemporaryDirectory() as folder:
        converter = LongConverter(folder)
        long_model = converter.convert(pretrained(), LONG)
        print("in memory %.4f" % embed(long_model, document).amax().item())
        print("from disk %.4f" % embed(converter.restore(), document).amax().item())


if __name__ == "__main__":
    main()
