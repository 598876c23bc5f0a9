"""Text to speech tokens; the attention to the text shows how far the reading has come."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

TEXT_VOCAB, SPEECH_VOCAB, WIDTH = 40, 30, 48


class AlignmentAnalyzer:
    """Watches one layer's attention from speech positions to text positions."""

    def __init__(self, backbone, layer, text_span):
        backbone.config.output_attentions = True
        self.layer = layer
        self.text_span = text_span
        self.trace = []

    def observe(self, attentions):
        first, last = self.text_span
        weights = attentions[self.layer].mean(1)[0, -1, first:last]
        self.trace.append(int(weights.argmax()))


class SpeechModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.text = nn.Embedding(TEXT_VOCAB, WIDTH)
        self.speech = nn.Embedding(SPEECH_VOCAB, WIDTH)
        self.backbone = LlamaModel(LlamaConfig(
            vocab_size=8, hidden_size=WIDTH, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=128,
        ))
        self.head = nn.Linear(WIDTH, SPEECH_VOCAB)

    @torch.no_grad()
    def speak(self, text, steps):
        analyzer = AlignmentAnalyzer(self.backbone, layer=1, text_span=(0, text.size(1)))
        start = torch.zeros(1, 1, dtype=torch.long)
        embeds = torch.cat([self.text(text), self.speech(start)], dim=1)
        tokens, cache = [], None
        for _ in range(steps):
            out = self.backbone(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            analyzer.observe(out.attentions)
            token = self.head(out.last_hidden_state[:, -1:]).argmax(-1)
            tokens.append(token.item())
            embeds = self.speech(token)
        return tokens, analyzer.trace


if __name__ == "__main__":
    torch.manual_seed(0)
    model = SpeechModel().eval()
    tokens, trace = model.speak(torch.randint(0, TEXT_VOCAB, (1, 9)), steps=6)
    print("speech tokens", tokens)
    print("text position", trace)
