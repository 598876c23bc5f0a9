"""Fine-tuning loop for a small text-to-text model with evaluation of teacher-forced accuracy."""
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration


@dataclass
class Args:
    train_batch: int = 3
    eval_batch: int = 2
    max_target: int = 12
    lr: float = 1e-3


class Collator:
    def __init__(self, args):
        self.args = args

    def __call__(self, rows):
        sources = pad_sequence([torch.tensor(r["source"]) for r in rows], batch_first=True, padding_value=0)
        targets = [torch.tensor(r["target"][:self.args.max_target]) for r in rows]
        labels = pad_sequence(targets, batch_first=True, padding_value=-100)
        labels = torch.nn.functional.pad(labels, (0, self.args.max_target - labels.size(1)), value=-100)
        return {"input_ids": sources, "attention_mask": sources.ne(0).long(), "labels": labels}


class Trainer:
    def __init__(self, model, args, train_rows, eval_rows):
        self.model, self.args = model, args
        collate = Collator(args)
        self.train_loader = DataLoader(train_rows, batch_size=args.train_batch, collate_fn=collate)
        self.eval_loader = DataLoader(eval_rows, batch_size=args.eval_batch, collate_fn=collate)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    def train(self):
        self.model.train()
        for batch in self.train_loader:
            loss = self.model(**batch).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        print(f"train loss {loss.item():.3f}")

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        preds, label_ids = None, None
        for batch in self.eval_loader:
            logits = self.model(**batch).logits
            labels = batch["labels"]
            preds = logits if preds is None else torch.cat((preds, logits), dim=0)
            label_ids = labels if label_ids is None else torch.cat((label_ids, labels), dim=0)
        keep = label_ids.ne(-100)
        return (preds.argmax(-1).eq(label_ids) & keep).sum().item() / keep.sum().item()


def rows(lengths, seed):
    gen = torch.Generator().manual_seed(seed)
    pick = lambda n: torch.randint(2, 60, (n,), generator=gen).tolist()
    return [{"source": pick(n + 3), "target": pick(n) + [1]} for n in lengths]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(T5Config(
        vocab_size=60, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0,
    ))
    trainer = Trainer(model, Args(), rows([5, 5, 4, 6, 3, 5], 0), rows([4, 3, 6, 5], 1))
    trainer.train()
    print(f"token accuracy {trainer.evaluate():.3f}")
