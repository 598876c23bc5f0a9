"""Text to speech tokens: a small language model with optional guidance."""
import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

TEXT_VOCAB, SPEECH_VOCAB = 40, 60
START_SPEECH, STOP_SPEECH = 58, 59


class T3(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.text_emb = nn.Embedding(TEXT_VOCAB, dim)
        self.speech_emb = nn.Embedding(SPEECH_VOCAB, dim)
        self.speaker_proj = nn.Linear(16, dim)
        self.backbone = LlamaModel(LlamaConfig(
            vocab_size=8, hidden_size=dim, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=128, initializer_range=0.2,
        ))
        self.speech_head = nn.Linear(dim, SPEECH_VOCAB, bias=False)

    def prepare_input_embeds(self, speaker, text_tokens, cfg_weight):
        text = self.text_emb(text_tokens)
        if cfg_weight > 0.0:
            text[1].zero_()
        cond = self.speaker_proj(speaker)[:, None].expand(text.size(0), -1, -1)
        return torch.cat([cond, text], dim=1)

    def combine(self, logits, cfg_weight):
        if cfg_weight > 0.0:
            cond, uncond = logits[0:1], logits[1:2]
            return cond + cfg_weight * (cond - uncond)
        return logits

    @torch.inference_mode()
    def inference(self, speaker, text_tokens, cfg_weight, max_new_tokens=8):
        embeds = self.prepare_input_embeds(speaker, text_tokens, cfg_weight)
        bos_embed = self.speech_emb(torch.tensor([[START_SPEECH]]))
        bos_embed = torch.cat([bos_embed, bos_embed])
        inputs, cache, tokens = torch.cat([embeds, bos_embed], dim=1), None, []
        for _ in range(max_new_tokens):
            out = self.backbone(inputs_embeds=inputs, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            logits = self.combine(self.speech_head(out.last_hidden_state[:, -1]), cfg_weight)
            token = logits.argmax(-1, keepdim=True)
            if token.item() == STOP_SPEECH:
                break
            tokens.append(token.item())
            inputs = self.speech_emb(token).expand(out.last_hidden_state.size(0), -1, -1)
        return tokens


class TTS:
    def __init__(self):
        torch.manual_seed(0)
        self.t3 = T3().eval()
        self.speaker = torch.randn(1, 16)

    def generate(self, text, cfg_weight=0.5):
        text_tokens = torch.tensor([[ord(c) % TEXT_VOCAB for c in text]])
        if cfg_weight > 0.0:
            text_tokens = torch.cat([text_tokens, text_tokens], dim=0)
        return self.t3.inference(self.speaker, text_tokens, cfg_weight)


if __name__ == "__main__":
    tts = TTS()
    for weight in (0.5, 0.0):
        print("guidance", weight, tts.generate("take down the nexus", cfg_weight=weight))
