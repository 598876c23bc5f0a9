"""A chat window on top of a small language model: the whole history is the prompt."""
import torch
from torch import nn

PARAMS = {"max_seq_len": 96, "dim": 32, "vocab": 128}


class TinyLM(nn.Module):
    def __init__(self, max_seq_len, dim, vocab):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.embed, self.position = nn.Embedding(vocab, dim), nn.Embedding(max_seq_len, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 2 * dim, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(dim, vocab)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position.weight[:tokens.size(1)]
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
        return self.head(self.body(x, mask=mask, is_causal=True))


class LLaMA:
    pad_id = 0

    def __init__(self, model):
        self.model = model

    def encode(self, text):
        return [ord(c) % 128 for c in text]

    def decode(self, ids):
        return "".join(chr(i) if 32 <= i < 127 else "." for i in ids)

    @torch.no_grad()
    def generate(self, prompts, max_gen_len):
        prompt_tokens = [self.encode(p)[-(self.model.max_seq_len - max_gen_len):] for p in prompts]
        longest = max(len(t) for t in prompt_tokens)
        total_len = min(self.model.max_seq_len, max_gen_len + longest)
        tokens = torch.full((len(prompts), total_len), self.pad_id)
        for k, t in enumerate(prompt_tokens):
            tokens[k, :len(t)] = torch.tensor(t)
        for cur in range(longest, total_len):
            tokens[:, cur] = self.model(tokens[:, :cur])[:, -1, 1:].argmax(-1) + 1
        return [self.decode(row[len(t):].tolist()) for row, t in zip(tokens, prompt_tokens)]


class Chat:
    def __init__(self, llm, persona):
        self.llm, self.persona, self.history = llm, persona, []

    def prompt(self, message):
        lines = [self.persona]
        for user, bot in self.history:
            lines += [f"You: {user}", f"Bot: {bot}"]
        return "\n".join(lines + [f"You: {message}", "Bot:"])

    def say(self, message, max_gen_len=8):
        reply = self.llm.generate([self.prompt(message)], max_gen_len)[0]
        self.history.append((message, reply))
        return reply


def main():
    torch.manual_seed(0)
    chat = Chat(LLaMA(TinyLM(**PARAMS).eval()), "A kind bot.")
    for message in ("hello there", "tell me a joke", "another one", "what about cats", "bye"):
        reply = chat.say(message)
        print(f"{message:<16} ({len(reply)} characters)")


if __name__ == "__main__":
    main()
