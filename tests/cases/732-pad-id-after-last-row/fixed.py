import json

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import MistralConfig, MistralForCausalLM

TOKENIZER_JSON = json.dumps({
    "words": "<s> </s> <unk> what is in the picture ? describe colour of largest animal please how many people".split(),
    "added": ["<im_patch>", "[PAD]"],
})
CHECKPOINT = dict(
    vocab_size=18, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, sliding_window=None, initializer_range=0.3,
    bos_token_id=0, eos_token_id=1, pad_token_id=None,
)


class SimpleTokenizer:
    def __init__(self, blob):
        spec = json.loads(blob)
        self.table = {w: i for i, w in enumerate(spec["words"] + spec["added"])}
        self.words = list(self.table)
        self.pad_id = self.table["[PAD]"]

    def __call__(self, text):
        return torch.tensor([0] + [self.table.get(w, 2) for w in text.split()])

    def decode(self, ids):
        return " ".join(self.words[i] for i in ids)


def left_pad(rows, value):
    flipped = [row.flip(0) for row in rows]
    return pad_sequence(flipped, batch_first=True, padding_value=value).flip(1)


class VQARunner:
    def __init__(self):
        torch.manual_seed(4)
        self.tokenizer = SimpleTokenizer(TOKENIZER_JSON)
        self.model = MistralForCausalLM(MistralConfig(**CHECKPOINT)).eval()

    def ask(self, questions, max_new_tokens=4):
        rows = [self.tokenizer(q) for q in questions]
        lengths = torch.tensor([len(r) for r in rows])
        input_ids = left_pad(rows, self.model.config.eos_token_id)
        mask = (torch.arange(input_ids.size(1)) >= input_ids.size(1) - lengths.unsqueeze(1)).long()
        out = self.model.generate(
            input_ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False, pad_token_id=1
        )
        return [self.tokenizer.decode(ids) for ids in out[:, input_ids.size(1):].tolist()]


runner = VQARunner()
question = "what is in the picture ?"
print("single :", runner.ask([question]))
print("batched:", runner.ask([question, "describe the colour of the largest animal in the picture please"]))
