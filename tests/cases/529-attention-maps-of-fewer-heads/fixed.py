"""Task distillation: a small BERT learns the hidden states and attention maps of a large one."""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForSequenceClassification

TEACHER = dict(hidden_size=64, num_hidden_layers=4, num_attention_heads=8, intermediate_size=128)
STUDENT = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=8, intermediate_size=96)


def build(sizes):
    config = BertConfig(
        vocab_size=80, max_position_embeddings=32, num_labels=3, attn_implementation="eager", **sizes
    )
    return BertForSequenceClassification(config)


def pick_layers(outputs, count):
    """Every n-th layer of the teacher stands for one layer of the student."""
    step = len(outputs) // count
    return outputs[step - 1::step]


class Distiller(nn.Module):
    def __init__(self, teacher, student):
        super().__init__()
        self.teacher, self.student = teacher.eval(), student
        self.fit_dense = nn.Linear(student.config.hidden_size, teacher.config.hidden_size)

    def mse(self, student_reps, teacher_reps):
        teacher_reps = pick_layers(teacher_reps, len(student_reps))
        return sum(F.mse_loss(s, t) for s, t in zip(student_reps, teacher_reps))

    def forward(self, input_ids, attention_mask):
        kwargs = dict(attention_mask=attention_mask, output_attentions=True, output_hidden_states=True)
        with torch.no_grad():
            t = self.teacher(input_ids, **kwargs)
        s = self.student(input_ids, **kwargs)
        losses = {
            "rep": self.mse([self.fit_dense(h) for h in s.hidden_states[1:]], t.hidden_states[1:]),
            "att": self.mse(s.attentions, t.attentions),
            "cls": F.kl_div(s.logits.log_softmax(-1), t.logits.softmax(-1), reduction="batchmean"),
        }
        return losses


def batches(count, rows=4, width=12):
    for _ in range(count):
        ids = torch.randint(1, 80, (rows, width))
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def main():
    torch.manual_seed(0)
    distiller = Distiller(build(TEACHER), build(STUDENT))
    parameters = [*distiller.student.parameters(), *distiller.fit_dense.parameters()]
    print("student parameters", sum(p.numel() for p in parameters))
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    for batch in batches(3):
        losses = distiller(**batch)
        sum(losses.values()).backward()
        optimizer.step()
        optimizer.zero_grad()
        print({name: round(loss.item(), 4) for name, loss in losses.items()})


if __name__ == "__main__":
    main()
