"""The library's models, given what people give them by mistake: the first finding has the code, whichever op inside fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import shapeguard

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

Model = Callable[..., Any]
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_TEXT = {**_SIZES, "vocab_size": 60, "max_position_embeddings": 20}
_PAIRS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_BART = {
    "vocab_size": 60, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 20, **_PAIRS,
}  # fmt: skip
_IMAGE = {**_SIZES, "image_size": 16, "patch_size": 4, "num_channels": 3, "num_labels": 3}
_WAVES = {
    **_SIZES, "conv_dim": [16, 16], "conv_kernel": [4, 2], "conv_stride": [2, 2], "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "vocab_size": 12, "feat_extract_norm": "layer",
    "pad_token_id": 0, "mask_time_prob": 0.0,
}  # fmt: skip
_WHISPER = {
    **{name: size for name, size in _BART.items() if not name.startswith("max")}, "num_mel_bins": 8, "max_source_positions": 20,
    "max_target_positions": 12, "decoder_start_token_id": 1,
}  # fmt: skip
_ENCODERS = {
    "Bert": _TEXT, "Roberta": {**_TEXT, "max_position_embeddings": 22, "pad_token_id": 1}, "XLNet":
    {"vocab_size": 60, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}, "DebertaV2": _TEXT,
    "DistilBert": {"vocab_size": 60, "max_position_embeddings": 20, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
}  # fmt: skip
_DECODERS = {
    "GPT2": {"vocab_size": 60, "n_positions": 20, "n_embd": 32, "n_layer": 2, "n_head": 4},
    "OPT": {"vocab_size": 60, "max_position_embeddings": 20, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "ffn_dim": 64, "word_embed_proj_dim": 32},
    "Llama": {**_TEXT, "num_key_value_heads": 2},
    "Bloom": {"vocab_size": 60, "hidden_size": 32, "n_layer": 2, "n_head": 4},
}  # fmt: skip


def _ids(*shape: int, over: int = 0) -> Any:
    return torch.randint(4, 50, shape) + over


def _mask(rows: int, length: int) -> Any:
    """With some padding: a mask of ones is not looked at."""
    mask = torch.ones(rows, length).long()
    mask[:, -1] = 0
    return mask


def _build(kind: str, settings: dict[str, Any], **more: Any) -> Any:
    base = re.split(r"For[A-Z]|LMHead|Model$", kind)[0]
    config = getattr(transformers, f"{base}Config")(**{**settings, **more})
    return getattr(transformers, kind)(config).eval()


def _first(mistake: Callable[[], Any]) -> str | None:
    torch.manual_seed(0)
    with pytest.raises(Exception), shapeguard.guard() as guard:  # noqa: B017, PT011 - whatever the library raises
        mistake()
    assert not guard.report.run.notes
    return guard.report.findings[0].code if guard.report.findings else None


_TEXTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "an id beyond the vocabulary": ("SG104", lambda model: model(input_ids=_ids(2, 8, over=40))),
    "a mask of fewer rows": (
        "SG401",
        lambda model: model(input_ids=_ids(4, 8), attention_mask=_mask(3, 8)),
    ),
    "ids without an axis for the rows": ("SG506", lambda model: model(input_ids=_ids(8))),
    "a label that is no class": ("SG504", lambda model: model(input_ids=_ids(2, 8), labels=torch.tensor([0, 5]))),
    "fewer labels": ("SG601", lambda model: model(input_ids=_ids(3, 8), labels=torch.tensor([0, 1]))),
}


@pytest.mark.parametrize("mistake", _TEXTS)
@pytest.mark.parametrize("family", [name for name in _ENCODERS if name != "DebertaV2"])  # it takes labels as they come
def test_an_encoder(family: str, mistake: str) -> None:
    code, call = _TEXTS[mistake]
    kind = f"{family}ForSequenceClassification"
    assert _first(lambda: call(_build(kind, _ENCODERS[family]))) == code


@pytest.mark.parametrize("family", ["DebertaV2", "XLNet"])
def test_a_mask_of_fewer_columns(family: str) -> None:
    kind = f"{family}ForSequenceClassification"
    assert _first(lambda: _build(kind, _ENCODERS[family])(input_ids=_ids(2, 8), attention_mask=_mask(2, 6))) == "SG401"


@pytest.mark.parametrize("family", ["Bert", "DebertaV2", "DistilBert"])
def test_more_positions_than_there_are(family: str) -> None:
    assert _first(lambda: _build(f"{family}Model", _ENCODERS[family])(input_ids=_ids(2, 40))) == "SG106"


@pytest.mark.parametrize("changed", [{"num_labels": 5}, {"vocab_size": 70}])
def test_a_published_model_of_other_sizes(changed: dict[str, int], tmp_path: Path) -> None:
    _build("BertForSequenceClassification", _TEXT).save_pretrained(tmp_path)
    kind = transformers.BertForSequenceClassification
    assert _first(lambda: kind.from_pretrained(tmp_path, **changed)) == "SG603"


def _with_past(model: Any, rows: int, **given: Any) -> Any:
    cache = model(input_ids=_ids(4, 6), use_cache=True).past_key_values
    return model(input_ids=_ids(rows, 1), past_key_values=cache, **given)


_CONTINUED: dict[str, tuple[set[str], Callable[[Any], Any]]] = {
    "an id beyond the vocabulary": ({"SG104"}, lambda model: model(input_ids=_ids(2, 8, over=40))),
    "embeddings of another width": (
        {"SG501", "SG502", "SG505"},
        lambda model: model(inputs_embeds=torch.randn(2, 8, 24)),
    ),
    "labels of another length": ({"SG601"}, lambda model: model(input_ids=_ids(2, 8), labels=_ids(2, 6))),
    "a cache of other rows": ({"SG301"}, lambda model: _with_past(model, 2)),
}


@pytest.mark.parametrize("mistake", _CONTINUED)
@pytest.mark.parametrize("family", _DECODERS)
def test_a_decoder(family: str, mistake: str) -> None:
    codes, call = _CONTINUED[mistake]
    kind = f"{family}{'LMHeadModel' if family == 'GPT2' else 'ForCausalLM'}"
    assert _first(lambda: call(_build(kind, _DECODERS[family]))) in codes


def _llama(**more: Any) -> Any:
    return _build("LlamaForCausalLM", _DECODERS["Llama"], **more)


def _cached(model: Any, rows: int, length: int) -> Any:
    return model(_ids(rows, length), use_cache=True).past_key_values


def _overfull() -> None:
    model = _llama()
    model(_ids(2, 12), past_key_values=transformers.StaticCache(config=model.config, max_cache_len=8))


def _taken_apart() -> None:
    cache = _cached(_llama(), 1, 4)
    _ = [(keys[:, :, :2], values[:, :, :2]) for keys, values in cache]


def _of_other_heads() -> None:
    _llama()(_ids(1, 1), past_key_values=_cached(_llama(num_key_value_heads=4), 1, 4))


def _clip(**given: Any) -> None:
    text = {**_SIZES, "vocab_size": 60, "max_position_embeddings": 12}
    config = transformers.CLIPConfig(
        text_config=text, vision_config={**_SIZES, "image_size": 16, "patch_size": 4}, projection_dim=16
    )
    transformers.CLIPModel(config).eval()(**given)


def _llava(tokens: int, images: int) -> None:
    vision = transformers.CLIPVisionConfig(**_SIZES, image_size=16, patch_size=4)
    text = transformers.LlamaConfig(**_SIZES, vocab_size=60)
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=59, image_token_id=59, vision_feature_layer=-1
    )
    ids = _ids(1, 20)
    ids[0, :tokens] = 59
    transformers.LlavaForConditionalGeneration(config)(input_ids=ids, pixel_values=torch.rand(images, 3, 16, 16))


def _series(**given: Any) -> None:
    config = transformers.PatchTSTConfig(
        num_input_channels=2, context_length=32, patch_length=4, patch_stride=4, prediction_length=8, d_model=16,
        num_hidden_layers=1, num_attention_heads=2, ffn_dim=16,
    )  # fmt: skip
    transformers.PatchTSTForPrediction(config)(**given)


def _video(*shape: int) -> None:
    config = transformers.VideoMAEConfig(**_SIZES, image_size=16, patch_size=4, num_frames=4)
    transformers.VideoMAEModel(config)(torch.rand(shape))


def _seq2seq(**given: Any) -> None:
    _build("BartForConditionalGeneration", _BART)(**given)


def _speech(**given: Any) -> None:
    _build("Wav2Vec2ForCTC", _WAVES)(**given)


def _whisper(**given: Any) -> None:
    _build("WhisperForConditionalGeneration", _WHISPER)(**given)


def _crossed() -> None:
    model = _build("BertLMHeadModel", _TEXT, is_decoder=True, add_cross_attention=True)
    model(_ids(2, 8), encoder_hidden_states=torch.randn(2, 5, 24))


def _image(kind: str, *shape: int) -> Callable[[], Any]:
    small = {"num_channels": 3, "hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "num_labels": 3}
    return lambda: _build(kind, small if kind.startswith("ConvNext") else _IMAGE)(pixel_values=torch.rand(shape))


_VIT, _CONVNEXT, _SIGLIP = "ViTForImageClassification", "ConvNextForImageClassification", "SiglipVisionModel"
_MISTAKES: dict[str, tuple[str, Callable[[], Any]]] = {
    "an einsum over another width": (
        "SG501",
        lambda: _build("XLNetModel", _ENCODERS["XLNet"])(inputs_embeds=torch.randn(2, 8, 24)),
    ),
    "a cross attention of another width": ("SG501", _crossed),
    "a fixed cache that is too small for its first keys": ("SG304", _overfull),
    "a cache taken apart in a comprehension": ("SG302", _taken_apart),
    "a cache of other heads": ("SG305", _of_other_heads),
    "heads that do not divide the width": ("SG404", lambda: _llama(hidden_size=36, num_attention_heads=8)),
    "heads that cannot be shared out": ("SG402", lambda: _llama(num_key_value_heads=3)(_ids(1, 4))),
    "positions of another length": (
        "SG403",
        lambda: _llama()(_ids(2, 8), position_ids=torch.arange(10).expand(2, 10)),
    ),
    "positions of other rows": ("SG403", lambda: _llama()(_ids(3, 8), position_ids=torch.arange(8).expand(2, 8))),
    "a text too long for a text tower": (
        "SG106",
        lambda: _clip(input_ids=_ids(2, 20), pixel_values=torch.rand(2, 3, 16, 16)),
    ),
    "texts without an image each": (
        "SG601",
        lambda: _clip(input_ids=_ids(3, 6), pixel_values=torch.rand(2, 3, 16, 16), return_loss=True),
    ),
    "placeholders cut": ("SG107", lambda: _llava(10, 1)),
    "more images than placeholders": ("SG107", lambda: _llava(16, 2)),
    "targets beyond the decoder": ("SG106", lambda: _seq2seq(input_ids=_ids(2, 8), labels=_ids(2, 40))),
    "a source mask of fewer rows": (
        "SG401",
        lambda: _seq2seq(input_ids=_ids(4, 8), attention_mask=_mask(3, 8), labels=_ids(4, 6)),
    ),
    "an image without a batch": ("SG506", _image(_VIT, 3, 16, 16)),
    "an image with an axis too many": ("SG506", _image(_VIT, 2, 1, 3, 16, 16)),
    "a grey image": ("SG505", _image(_CONVNEXT, 2, 1, 16, 16)),
    "an image without a batch, refused for its channels": ("SG506", _image(_CONVNEXT, 3, 16, 16)),
    "an image with an axis too many, refused for its channels": ("SG506", _image(_CONVNEXT, 2, 1, 3, 16, 16)),
    "an image with its channels last": ("SG505", _image(_CONVNEXT, 2, 16, 16, 3)),
    "an image of another size": ("SG403", _image(_SIGLIP, 2, 3, 24, 24)),
    "a grey video": ("SG505", lambda: _video(1, 4, 1, 16, 16)),
    "a video of more frames": ("SG403", lambda: _video(1, 8, 3, 16, 16)),
    "a series of another length": ("SG403", lambda: _series(past_values=torch.randn(2, 24, 2))),
    "a series of other channels": ("SG505", lambda: _series(past_values=torch.randn(2, 32, 3))),
    "a future of another length": (
        "SG601",
        lambda: _series(past_values=torch.randn(2, 32, 2), future_values=torch.randn(2, 6, 2)),
    ),
    "a wave's mask of other rows": (
        "SG401",
        lambda: _speech(input_values=torch.randn(3, 200), attention_mask=_mask(2, 200)),
    ),
    "letters beyond the alphabet": (
        "SG104",
        lambda: _speech(input_values=torch.randn(2, 200), labels=torch.tensor([[3, 4], [5, 20]])),
    ),
    "a spectrogram of other bands": (
        "SG505",
        lambda: _whisper(input_features=torch.randn(2, 6, 40), labels=_ids(2, 4)),
    ),
    "a spectrogram turned round": ("SG505", lambda: _whisper(input_features=torch.randn(2, 40, 8), labels=_ids(2, 4))),
    "a spectrogram that was not padded": (
        "SG403",
        lambda: _whisper(input_features=torch.randn(2, 8, 30), labels=_ids(2, 4)),
    ),
    "labels beyond the decoder's positions": (
        "SG106",
        lambda: _whisper(input_features=torch.randn(2, 8, 40), labels=_ids(2, 20)),
    ),
}


@pytest.mark.parametrize("mistake", _MISTAKES)
def test_a_mistake(mistake: str) -> None:
    code, call = _MISTAKES[mistake]
    assert _first(call) == code


def test_what_only_holds_tensors_has_no_wrong_size() -> None:
    layer = torch.nn.Linear(32, 2)
    assert _first(lambda: layer(_build("BertModel", _TEXT)(_ids(2, 8)))) is None
