"""The mistakes of every day, each in a few lines: the first finding has the code and the line that people mend."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapeguard

_FOLDER = Path(__file__).parent.parent / "everyday"
# The code, and a piece of the line.
_EXPECTED = {
    "adapter_back_to_the_input": ("SG502", "self.b = nn.Linear("),
    "batch_first_forgotten": ("SG405", "nn.LSTM("),
    "cache_joined_along_heads": ("SG203", "self.cache[0], k"),
    "causal_mask_not_cut": ("SG507", "self.tril == 0"),
    "classifier_for_other_images": ("SG501", "nn.Linear(32 * 8 * 8"),
    "critic_for_one_action": ("SG501", "Critic(env"),
    "embedding_into_conv1d": ("SG505", "self.conv(x)"),
    "encoder_takes_length_first": ("SG405", "TransformerEncoderLayer("),
    "features_not_flattened": ("SG501", "self.fc(x)"),
    "head_for_one_direction": ("SG501", "nn.Linear(hidden, 5)"),
    "images_without_channel": ("SG506", "net(x)"),
    "labels_with_an_axis": ("SG601", "criterion(model(x), y)"),
    "norm_of_the_channels_before": ("SG505", "BatchNorm2d("),
    "norm_of_the_inner_width": ("SG505", "LayerNorm("),
    "one_hot_labels": ("SG601", "criterion(F.log_softmax"),
    "padding_mask_transposed": ("SG405", "transpose(0, 1)"),
    "residual_without_projection": ("SG502", "(out + x)"),
    "rotary_table_of_the_width": ("SG502", "rope_tables(seq, hidden)"),
    "skip_of_an_odd_side": ("SG202", "self.up(b)"),
    "state_repeated_along_rows": ("SG201", "hidden.repeat("),
    "states_for_one_direction": ("SG507", "torch.zeros(self.layers"),
    "table_without_class_token": ("SG403", "self.pos = nn.Parameter"),
    "values_not_split": ("SG502", "self.v(kv)"),
}
_FIXES = {
    "labels_with_an_axis": "target.squeeze(1)",
    "one_hot_labels": "target.argmax(1)",
    "features_not_flattened": ".flatten(-3)",
}


def test_every_program_is_asked() -> None:
    assert {program.stem for program in _FOLDER.glob("*.py")} == set(_EXPECTED)


@pytest.mark.parametrize("name", _EXPECTED)
def test_the_cause_and_the_line_are_named(name: str) -> None:
    program = _FOLDER / f"{name}.py"
    guard = shapeguard.guard()
    with pytest.raises((RuntimeError, ValueError, AssertionError)), guard:
        exec(compile(program.read_text(), str(program), "exec"), {"__name__": "__main__"})
    code, text = _EXPECTED[name]
    first = guard.report.findings[0]
    assert first.code == code
    assert first.location is not None
    assert text in first.location.source
    assert first.fix is not None
    assert _FIXES.get(name, "") in first.fix.summary
