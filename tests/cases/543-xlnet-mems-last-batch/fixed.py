"""Evaluate an XLNet sentence classifier with a small trainer of our own."""
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import XLNetConfig, XLNetForSequenceClassification


@dataclass
class EvalArguments:
    per_device_eval_batch_size: int = 4
    past_index: int = -1
    max_seq_length: int = 10


class Reviews(Dataset):
    def __init__(self, count, length):
        gen = torch.Generator().manual_seed(1)
        self.ids = torch.randint(10, 60, (count, length), generator=gen)
        self.labels = torch.randint(0, 2, (count,), generator=gen)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "attention_mask": torch.ones_like(self.ids[i]), "label": self.labels[i]}


def load_model():
    torch.manual_seed(0)
    return XLNetForSequenceClassification(XLNetConfig(
        vocab_size=60, d_model=32, n_layer=2, n_head=4, d_inner=64, mem_len=10, num_labels=2, use_mems_eval=True,
    ))


class Evaluator:
    def __init__(self, model, args):
        self.model, self.args = model.eval(), args
        self._past = None

    def prediction_step(self, batch):
        inputs = {k: v for k, v in batch.items() if k != "label"}
        if self.args.past_index >= 0 and self._past is not None:
            inputs["mems"] = self._past
        with torch.no_grad():
            outputs = self.model(**inputs, return_dict=False)
        if self.args.past_index >= 0:
            self._past = outputs[self.args.past_index]
        return outputs[0]

    def evaluate(self, dataset):
        loader = DataLoader(dataset, batch_size=self.args.per_device_eval_batch_size)
        logits, labels = [], []
        for batch in loader:
            logits.append(self.prediction_step(batch))
            labels.append(batch["label"])
        logits, labels = torch.cat(logits), torch.cat(labels)
        return {"eval_samples": len(labels), "eval_acc": (logits.argmax(-1) == labels).float().mean().item()}


def main():
    args = EvalArguments()
    evaluator = Evaluator(load_model(), args)
    metrics = evaluator.evaluate(Reviews(count=14, length=args.max_seq_length))
    for name, value in metrics.items():
        print(f"{name} = {value:.4g}")


if __name__ == "__main__":
    main()
