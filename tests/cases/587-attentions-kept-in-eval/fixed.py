"""Evaluation loop of a token tagger: outputs of all batches are collected, then scored."""
import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForTokenClassification

PAD_INDEX = -100


def get_model(num_labels):
    torch.manual_seed(0)
    return BertForTokenClassification(BertConfig(
        vocab_size=80, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, num_labels=num_labels, attn_implementation="eager",
    )).eval()


def tagged_sentences(count, num_labels):
    gen = torch.Generator().manual_seed(4)
    for length in torch.randint(5, 20, (count,), generator=gen).tolist():
        yield {
            "input_ids": torch.randint(1, 80, (length,), generator=gen),
            "labels": torch.randint(0, num_labels, (length,), generator=gen),
        }


def collate(rows):
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad([r["input_ids"] for r in rows], batch_first=True)
    labels = pad([r["labels"] for r in rows], batch_first=True, padding_value=PAD_INDEX)
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}


def pad_and_concatenate(first, second, padding_index=PAD_INDEX):
    if first.dim() == 1 or first.shape[1] == second.shape[1]:
        return torch.cat((first, second), dim=0)
    shape = (len(first) + len(second), max(first.shape[1], second.shape[1])) + first.shape[2:]
    merged = first.new_full(shape, padding_index)
    merged[:len(first), :first.shape[1]] = first
    merged[len(first):, :second.shape[1]] = second
    return merged


def nested_concat(kept, new):
    if kept is None:
        return new
    if isinstance(kept, (list, tuple)):
        return type(kept)(nested_concat(a, b) for a, b in zip(kept, new))
    return pad_and_concatenate(kept, new)


@torch.no_grad()
def evaluation_loop(model, loader, ignore_keys=()):
    predictions = labels = None
    for batch in loader:
        outputs = model(**batch)
        values = tuple(v for k, v in outputs.items() if k not in ("loss", *ignore_keys))
        predictions = nested_concat(predictions, values)
        labels = nested_concat(labels, batch["labels"])
    return predictions, labels


def compute_metrics(logits, labels):
    keep = labels != PAD_INDEX
    return (logits.argmax(-1)[keep] == labels[keep]).float().mean().item()


if __name__ == "__main__":
    data = list(tagged_sentences(22, num_labels=5))
    print("sentences", len(data), "tokens", sum(len(r["labels"]) for r in data))
    predictions, labels = evaluation_loop(get_model(5), DataLoader(data, batch_size=8, collate_fn=collate))
    print(f"accuracy {compute_metrics(predictions[0], labels):.3f}")
