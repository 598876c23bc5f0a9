"""The mistakes of every day, each in a few lines: the first finding has the code and the line that people mend."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

import shapeguard

_FOLDER = Path(__file__).parent.parent / "everyday"
# The code, and a piece of the line.
_EXPECTED = {
    "a_target_too_many": ("SG601", "series[WINDOW - 1 :]"),
    "adapter_back_to_the_input": ("SG502", "self.b = nn.Linear("),
    "adapter_initialised_in_place": ("SG501", "out_features, in_features = base.weight.shape"),
    "adapter_of_the_output": ("SG501", "self.A = nn.Parameter("),
    "adapters_all_of_one_width": ("SG502", "setattr(layer.self_attn, name, Adapted(lin, Adapter(cfg."),
    "adapters_of_the_hidden_size": ("SG502", "setattr(layer.self_attn, name, LoRA(proj, cfg.hidden_siz"),
    "average_of_another_width": ("SG502", "make(hidden=128)"),
    "backward_direction_begins_in_padding": ("SG103", "self.rnn(self.emb(ids))"),
    "bands_of_another_version": ("SG505", "return WhisperForConditionalGeneration("),
    "batch_first_forgotten": ("SG405", "nn.LSTM("),
    "beams_reordered_beside_the_cache": ("SG301", "sequences = torch.cat([sequences[parents], tokens], dim="),
    "beams_without_their_cache": ("SG301", "seqs = torch.cat([seqs[rows], token.reshape(-1, 1)], dim"),
    "bootstrap_value_appended": ("SG502", "values.append(critic(obs).squeeze(-1))"),
    "boxes_stacked": ("SG602", "loader = DataLoader(BoxDataset(24), batch_size=4)"),
    "cache_joined_along_heads": ("SG203", "self.cache[0], k"),
    "captions_fewer_than_images": ("SG205", "zip("),
    "causal_mask_not_cut": ("SG507", "self.tril == 0"),
    "causal_mask_of_numbers": ("SG401", "torch.tril(torch.ones"),
    "channels_brought_first_by_reshape": ("SG503", "batch.reshape(len(batch), 3, 24, 32)"),
    "checkpoint_of_another_alphabet": ("SG603", "net = make(lang)"),
    "chunks_longer_than_the_table": ("SG106", "chunks(doc, 20)"),
    "class_token_among_the_patches": ("SG107", "return torch.cat([cls, x], dim=1)"),
    "class_token_put_among_patches": ("SG107", "states = self.tower(pixels).last_hidden_state"),
    "classes_brought_first_by_view": ("SG503", "F.one_hot(mask, classes).view(probs.shape)"),
    "classes_chosen_along_the_width": ("SG509", "scores.argmax(dim=-1)"),
    "classifier_for_other_images": ("SG501", "nn.Linear(32 * 8 * 8"),
    "clients_of_other_labels": ("SG502", "self.y.unique()"),
    "clips_cut_to_the_shortest": ("SG205", "torch.stack([c[:n]"),
    "context_with_the_length_first": ("SG501", "torch.bmm("),
    "cosines_along_the_queries": ("SG509", "docs.unsqueeze(0), dim=0"),
    "critic_for_one_action": ("SG501", "Critic(env"),
    "crop_one_too_long": ("SG106", "window = idx[:, -(model.block + 1) :]"),
    "cross_keys_not_forked": ("SG301", "cache = fork(out.past_key_values, k)"),
    "ctc_rows_first": ("SG601", "loss = ctc(logp, targets, model.out_len(frames), target_"),
    "decoder_one_pixel_short": ("SG601", "self.decoder = nn.Sequential("),
    "dense_columns_not_counted": ("SG501", "deep_in = len(vocab) * k"),
    "draft_and_target_on_one_cache": ("SG305", "guess = self.step(self.draft, guess, session)"),
    "draft_cache_not_cropped": ("SG303", "todo = ids[:, small_cache.get_seq_length() :]"),
    "edges_viewed_as_rows": ("SG503", "torch.tensor(edges).view(2, -1)"),
    "embedding_into_conv1d": ("SG505", "self.conv(x)"),
    "embeddings_normalised_over_the_batch": ("SG509", "F.normalize(proj(views), dim=0)"),
    "encoder_takes_length_first": ("SG405", "TransformerEncoderLayer("),
    "encoder_without_a_padding_mask": ("SG103", "self.encoder(self.emb(ids))"),
    "ends_of_turns_masked": ("SG103", "mask = ids.ne(PAD).long()"),
    "features_not_flattened": ("SG501", "self.fc(x)"),
    "fields_split_in_another_order": ("SG503", ".view(fields, batch, -1)"),
    "frames_before_channels": ("SG505", "clip = torch.stack(frames)"),
    "fused_weight_in_three": ("SG603", 'for name, part in zip("qkv", w.chunk(3, dim=0)):'),
    "generator_of_another_side": ("SG501", "side=32"),
    "grid_of_another_image": ("SG503", "h = h[:, 1:].reshape(b, self.grid, self.grid, -1)"),
    "grid_with_the_class_token": ("SG503", "tokens = self.vit(pixel_values=x).last_hidden_state"),
    "groups_read_the_other_way": ("SG503", "grouped = rewards.view(group, -1)"),
    "head_for_one_direction": ("SG501", "nn.Linear(hidden, 5)"),
    "head_size_not_in_the_preset": ("SG404", "REGISTRY = {"),
    "heads_repeated_by_another_number": ("SG402", 'repeats = cfg["kv_heads"]'),
    "helper_without_image_axes": ("SG502", "return values.gather(0, t)"),
    "history_fed_again": ("SG303", "past_key_values="),
    "horizon_left_at_its_default": ("SG601", "def __init__(self, seq_len, channels, horizon=24):"),
    "ids_cut_and_mask_not": ("SG401", 'return {"input_ids": ids, "attention_mask": document_mas'),
    "ids_that_begin_at_one": ("SG504", "nn.Embedding(len(stoi)"),
    "image_cropped_alone": ("SG601", "image = random_crop(image, self.crop)"),
    "images_of_another_size": ("SG403", "size=96"),
    "images_too_small": ("SG505", "nn.Sequential("),
    "images_without_channel": ("SG506", "net(x)"),
    "items_counted_once": ("SG504", "n_items = len({r[1] for r in rows})"),
    "keys_and_values_split_together": ("SG402", "k, v = self.keys_values(x)"),
    "keys_viewed_as_all_heads": ("SG404", "self.k(x).view("),
    "labels_not_picked_with_the_rows": ("SG601", "outputs[task] = head(h[batch[task] >= 0])"),
    "labels_not_shifted": ("SG601", "shift_labels = ids"),
    "labels_of_the_bare_prompt": ("SG601", "return {"),
    "labels_with_an_axis": ("SG601", "criterion(model(x), y)"),
    "labels_without_an_axis": ("SG506", "out.scatter_("),
    "labels_without_the_prefix": ("SG601", "self.lm("),
    "last_batch_of_one": ("SG702", "DataLoader("),
    "last_column_of_padding": ("SG101", "rows = [answer + [PAD] * (width - len(answer)) for answe"),
    "length_for_an_index": ("SG504", "index = lengths.view(-1, 1, 1).expand(-1, 1, out.size(2)"),
    "length_taken_for_an_index": ("SG504", "mask.sum(1)"),
    "longest_of_the_training_set": ("SG106", "slots = max(len(story) for story, _, _ in train)"),
    "losses_joined": ("SG204", "torch.cat(losses)"),
    "mask_before_subsampling": ("SG401", "pad = padding_mask(lengths, feats.size(1))"),
    "mask_beside_repeated_states": ("SG401", "states = enc.last_hidden_state.repeat_interleave(n, dim="),
    "mask_not_cut": ("SG401", "[:, :limit]"),
    "mask_of_the_other_text": ("SG502", 'right = mean_pool(self.bert(**b).last_hidden_state, a["a'),
    "mask_of_the_piece_alone": ("SG303", "mask = causal_mask(ids.size(1))"),
    "mask_without_heads": ("SG401", "attention_mask="),
    "mask_without_the_prompt": ("SG401", "attention_mask="),
    "masks_with_a_channel": ("SG601", "t = t.unsqueeze(0)"),
    "means_repeated_beside_other_groups": ("SG201", "grouped.mean(dim=1).repeat(group)"),
    "moments_of_another_head": ("SG603", "opt.load_state_dict("),
    "norm_along_the_frames": ("SG505", "self.norm(h)"),
    "norm_of_the_channels_before": ("SG505", "BatchNorm2d("),
    "norm_of_the_inner_width": ("SG505", "LayerNorm("),
    "norm_of_the_steps": ("SG505", "self.bn(x)"),
    "one_channel_for_three": ("SG601", "l1_loss("),
    "one_hot_labels": ("SG601", "criterion(F.log_softmax"),
    "one_token_turned_to_all_places": ("SG403", "cos, sin = self.rope(past + x.size(1))"),
    "own_attention_without_groups": ("SG402", "scores = torch.matmul(query, key.transpose(2, 3)) * scal"),
    "padded_with_the_length_first": ("SG405", "pad_sequence(seqs)"),
    "padding_among_the_labels": ("SG103", 'batch["labels"] = batch["input_ids"].clone()'),
    "padding_mask_transposed": ("SG405", "transpose(0, 1)"),
    "pages_with_tokens_first": ("SG405", "k, v = blob[0], blob[1]"),
    "pairs_of_a_full_batch": ("SG507", 'self.register_buffer("same", torch.eye(2 * n, dtype=torc'),
    "pixels_viewed_channels_first": ("SG503", "return torch.from_numpy(image).view(3, height, width)"),
    "pixels_with_channels_last": ("SG505", "from_numpy("),
    "positions_of_padded_columns": ("SG403", "torch.arange("),
    "prefix_handed_out": ("SG306", "cache = self.prefix"),
    "reset_kept_whole": ("SG105", "env.reset()"),
    "residual_without_projection": ("SG502", "(out + x)"),
    "rotary_table_of_half": ("SG502", "ang.cos()"),
    "rotary_table_of_the_width": ("SG502", "rope_tables(seq, hidden)"),
    "rows_written_through_a_mask": ("SG502", "mask = torch.zeros("),
    "scores_beside_folded_beams": ("SG502", "total = "),
    "skip_not_counted_in": ("SG505", "self.conv = conv(cin, cout)"),
    "skip_of_an_odd_side": ("SG202", "self.up(b)"),
    "softened_over_the_positions": ("SG509", "return torch.softmax(logits / self.temperature, dim=1)"),
    "sources_tiled_for_candidates": ("SG503", "return logp.sum(1).view(len(sources), n)"),
    "spectrogram_not_padded": ("SG403", "features(2.0)"),
    "stack_hides_behind_getattr": ("SG505", "agent = Agent(QNet(env.observation_shape, env.n_actions)"),
    "state_of_the_batch_before": ("SG507", "state = tuple(s.detach() for s in state)"),
    "state_repeated_along_rows": ("SG201", "hidden.repeat("),
    "states_for_fewer_candidates": ("SG301", "encoder_outputs=encoded"),
    "states_for_one_direction": ("SG507", "torch.zeros(self.layers"),
    "states_of_another_batch": ("SG301", "self.state = out.cache_params"),
    "steps_against_all_words": ("SG601", "cross_entropy("),
    "student_of_another_vocabulary": ("SG601", "build(96, 2)"),
    "table_of_all_pairs_before_a_crash": ("SG508", "target = r + 0.9 * net(s2).max(1).values"),
    "table_without_class_token": ("SG403", "self.pos = nn.Parameter"),
    "targets_are_the_inputs": ("SG601", 'y = torch.stack([data[i : i + cfg["block"]] for i in sta'),
    "targets_flattened_in_another_order": ("SG601", "tgt.t().reshape(-1)"),
    "targets_of_fewer_rows": ("SG601", "targets = "),
    "teacher_rounded_up": ("SG601", "config = Qwen2Config("),
    "tokens_dropped_without_positions": ("SG403", "cos_sin = self.core.rotary_emb(h, positions)"),
    "transformer_takes_length_first": ("SG405", "nn.Transformer("),
    "triplets_mined_unevenly": ("SG502", "pos.append(random.choice(same))"),
    "turn_given_alone": ("SG303", "answer = self.model.generate("),
    "uneven_halves": ("SG502", "self.half = dim // 2"),
    "unpacked_to_the_longest": ("SG502", "pad_packed_sequence("),
    "values_not_split": ("SG502", "self.v(kv)"),
    "vocabulary_of_new_texts": ("SG603", "vocab = build_vocab(NEW_TEXTS)"),
    "void_not_ignored": ("SG504", "criterion = nn.CrossEntropyLoss(weight=weights)"),
    "weight_read_the_other_way": ("SG501", "fan_out, fan_in = base.weight.shape"),
    "width_overridden_alone": ("SG404", "dim = 96"),
    "windows_reshaped_in_another_order": ("SG503", "cut.reshape(-1, window, n_series)"),
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
    with suppress(RuntimeError, ValueError, AssertionError, IndexError), guard:
        exec(compile(program.read_text(), str(program), "exec"), {"__name__": "__main__"})
    code, text = _EXPECTED[name]
    first = guard.report.findings[0]
    assert first.code == code
    assert first.location is not None
    assert text in first.location.source
    assert first.fix is not None
    assert _FIXES.get(name, "") in first.fix.summary
