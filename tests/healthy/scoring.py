"""Training and scoring with masks: right padding with labels, log-probabilities of answers, an encoder's mean, last-token pooling."""

import torch
from tiny_models import llama, tokenizer
from transformers import BertConfig, BertModel

model, tok = llama(), tokenizer(padding_side="right")
batch = tok(
    ["the fox sat", "a moon rise over the hill"], padding=True, return_tensors="pt", return_token_type_ids=False
)
labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
model(**batch, labels=labels).loss.backward()
model(batch["input_ids"], labels=labels).loss.backward()

with torch.no_grad():
    ids, mask = batch["input_ids"], batch["attention_mask"]
    logps = model(ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
    taken = logps.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1) * mask[:, 1:]
    score = taken.sum(1) / mask[:, 1:].sum(1)
    hidden = model.model(ids, attention_mask=mask).last_hidden_state
    last = hidden[torch.arange(len(ids)), mask.sum(1) - 1]

    encoder = BertModel(
        BertConfig(vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    ).eval()
    states = encoder(ids, attention_mask=mask).last_hidden_state
    mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    packed = torch.randint(4, 24, (2, 8))
    alone = encoder(packed).last_hidden_state.mean(1)
