"""P-tuning on a cloze classifier: trained vectors replace the embeddings of pseudo tokens."""
import argparse

import torch
from torch import nn
from transformers import AlbertConfig, AlbertModel, BertConfig, BertModel

PSEUDO, VOCAB = 3, 90


def parse(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_type", default="bert", choices=["albert", "bert"])
    parser.add_argument("--embed_size", type=int, default=16)
    parser.add_argument("--prompt_length", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    return parser.parse_args(argv)


def load_backbone(model_type):
    shared = dict(vocab_size=VOCAB, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                  max_position_embeddings=64)
    if model_type == "albert":
        return AlbertModel(AlbertConfig(embedding_size=16, **shared), add_pooling_layer=False)
    return BertModel(BertConfig(**shared), add_pooling_layer=False)


class PromptEncoder(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.table = nn.Embedding(length, width)
        self.lstm = nn.LSTM(width, width // 2, num_layers=2, bidirectional=True, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self):
        return self.mlp(self.lstm(self.table.weight.unsqueeze(0))[0]).squeeze(0)


class ContinuousPrompt(nn.Module):
    def __init__(self, args, classes=2):
        super().__init__()
        self.model = load_backbone(args.model_type)
        self.model.requires_grad_(False)
        self.prompt_encoder = PromptEncoder(args.prompt_length, self.model.get_input_embeddings().embedding_dim)
        self.verbalizer = nn.Linear(self.model.config.hidden_size, classes)

    def embed_input(self, ids):
        raw = self.model.get_input_embeddings()(ids)
        rows = self.prompt_encoder()
        for i, line in enumerate(ids):
            raw[i, line == PSEUDO] = rows
        return raw

    def forward(self, ids, labels):
        hidden = self.model(inputs_embeds=self.embed_input(ids)).last_hidden_state
        return nn.functional.cross_entropy(self.verbalizer(hidden[:, 0]), labels)


def main():
    args = parse()
    torch.manual_seed(0)
    wrapper = ContinuousPrompt(args)
    optimizer = torch.optim.Adam([p for p in wrapper.parameters() if p.requires_grad], lr=1e-3)
    for step in range(args.steps):
        text = torch.randint(4, VOCAB, (6, 12))
        ids = torch.cat([text, torch.full((6, args.prompt_length), PSEUDO)], dim=1)
        loss = wrapper(ids, torch.randint(0, 2, (6,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} {args.model_type} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
