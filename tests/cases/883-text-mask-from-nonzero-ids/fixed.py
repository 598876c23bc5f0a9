import torch
from torch import nn
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

SMALL = dict(
    vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=40, initializer_range=0.3,
)
BACKBONES = {
    "bert": lambda: BertModel(BertConfig(pad_token_id=0, **SMALL), add_pooling_layer=False),
    "roberta": lambda: RobertaModel(
        RobertaConfig(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1, **SMALL),
        add_pooling_layer=False,
    ),
}


class TokenIndexer:
    """Adds the start and end pieces and pads the instances of a batch to one length."""

    def __init__(self, config, start, end):
        self.padding = config.pad_token_id
        self.start, self.end = start, end

    def as_tensor(self, instances):
        rows = [[self.start, *pieces, self.end] for pieces in instances]
        width = max(len(row) for row in rows)
        return torch.tensor([row + [self.padding] * (width - len(row)) for row in rows])


def get_text_field_mask(token_ids, padding):
    return (token_ids != padding).long()


class SentimentClassifier(nn.Module):
    def __init__(self, backbone, labels=3):
        super().__init__()
        self.backbone = backbone
        self.output = nn.Linear(backbone.config.hidden_size, labels)

    def forward(self, token_ids):
        mask = get_text_field_mask(token_ids, self.backbone.config.pad_token_id)
        hidden = self.backbone(input_ids=token_ids, attention_mask=mask).last_hidden_state
        return self.output(hidden[:, 0])


def predict(name, groups):
    torch.manual_seed(0)
    model = SentimentClassifier(BACKBONES[name]()).eval()
    start, end = (0, 2) if name == "roberta" else (3, 4)
    indexer = TokenIndexer(model.backbone.config, start, end)
    for group in groups:
        with torch.no_grad():
            scores = model(indexer.as_tensor(group))[0].softmax(-1)
        print(f"{name:8} {len(group)} in the batch:", [round(s, 4) for s in scores.tolist()])


def main():
    review = [12, 30, 7]
    longer = [9, 22, 31, 8, 15, 15, 27, 33, 10, 6]
    for name in BACKBONES:
        predict(name, [[review], [review, longer]])


if __name__ == "__main__":
    main()
