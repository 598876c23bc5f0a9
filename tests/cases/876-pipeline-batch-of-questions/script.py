"""Answer a page of support questions through a text-generation pipeline, several at a time."""
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TextGenerationPipeline

TEMPLATE = "question : {question} answer :"
QUESTIONS = [
    "how do i reset my password",
    "where is my invoice",
    "can i change the delivery address after the order was sent",
]


def load_tokenizer():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for line in [TEMPLATE.replace("{question}", ""), *QUESTIONS]:
        for word in line.split():
            vocab.setdefault(word, len(vocab))
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def load_model(vocab_size):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2,
    )).eval()


class PipelineLLM:
    """The small part of a chain that talks to the pipeline."""

    def __init__(self, pipe, **pipeline_kwargs):
        self.pipe = pipe
        self.pipeline_kwargs = pipeline_kwargs

    def generate(self, prompts):
        responses = self.pipe(prompts, **self.pipeline_kwargs)
        return [r[0]["generated_text"].strip() for r in responses]


def build_chain(batch_size):
    tokenizer = load_tokenizer()
    pipe = TextGenerationPipeline(model=load_model(len(tokenizer)), tokenizer=tokenizer)
    llm = PipelineLLM(pipe, batch_size=batch_size, max_new_tokens=4, do_sample=False, return_full_text=False)
    return lambda questions: llm.generate([TEMPLATE.format(question=q) for q in questions])


for size in (1, 3):
    chain = build_chain(batch_size=size)
    for question, answer in zip(QUESTIONS, chain(QUESTIONS)):
        print(f"[{size}] {question} -> {answer}")
