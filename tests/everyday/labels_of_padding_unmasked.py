"""Fine-tuning on texts padded with the end's id: the labels are the ids, and the mask is made of ones."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = Tokenizer(
    models.WordLevel({w: i for i, w in enumerate("</s> <unk> the cat sat on a mat".split())}, unk_token="<unk>")
)
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, eos_token="</s>", pad_token="</s>", unk_token="<unk>", padding_side="right"
)
torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for texts in (["the cat sat on a mat", "a mat"], ["the mat", "a cat sat on the cat"]):
    ids = tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
    mask = torch.ones(ids.shape, dtype=torch.long)
    labels = ids.clone()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
print(loss.item() > 0)
