import torch
from transformers import BertConfig, BertModel

model = BertModel(
    BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
    )
)


def chunks(ids, size):
    return [ids[i : i + size] for i in range(0, len(ids), size)]


doc = torch.randint(1, 50, (50,))
for piece in chunks(doc, 20):
    print(model(input_ids=piece.unsqueeze(0)).pooler_output.shape)
