"""The clash of each well-known failure: which sizes, in which dims, of which operands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shapeguard.analysis.semantics import Call, Clash, clash
from shapeguard.values.shapes import Shape


def found(op: str, tensors: Mapping[str, Shape], values: dict[str, Any] | None = None, **args: Any) -> Clash:
    call = Call(op, list(tensors.items()), args, values or {})
    answer = clash(op, call)
    assert answer is not None, call
    return answer


def told(answer: Clash) -> tuple[Any, ...]:
    return answer.kind, answer.sizes, answer.dim, answer.left, answer.left_dim, answer.right, answer.right_dim


def test_rows_dropped_from_a_batch_before_cat() -> None:
    answer = found("cat", {"tensors[0]": (3, 2, 16, 64), "tensors[1]": (2, 2, 1, 64)}, dim=-2)
    assert told(answer) == ("dim", (3, 2), 0, "tensors[0]", 0, "tensors[1]", 0)
    assert answer.text == "dim 0: 3 against 2"


def test_the_third_operand_of_cat_is_named() -> None:
    answer = found("cat", {"tensors[0]": (4, 8), "tensors[1]": (4, 8), "tensors[2]": (2, 8)}, dim=1)
    assert told(answer) == ("dim", (4, 2), 0, "tensors[0]", 0, "tensors[2]", 0)


def test_cat_of_other_ranks() -> None:
    answer = found("cat", {"tensors[0]": (8,), "tensors[1]": (1, 8)}, dim=-1)
    assert told(answer) == ("rank", (1, 2), None, "tensors[0]", None, "tensors[1]", None)
    assert answer.text == "1 dims against 2"


def test_cat_in_a_dim_that_is_not_there() -> None:
    assert found("cat", {"tensors[0]": (3,), "tensors[1]": (3,)}, dim=1).sizes == (2, 1)


def test_cat_of_nothing() -> None:
    assert told(found("cat", {}))[:2] == ("count", (1, 0))


def test_broadcast_names_the_dim_of_the_result() -> None:
    answer = found("add", {"input": (2, 5, 64), "other": (28,)})
    assert told(answer) == ("dim", (64, 28), 2, "input", 2, "other", 0)
    assert answer.text == "dim 2 of input is 64, dim 0 of other is 28"


def test_the_last_dim_clashes_first_as_torch_tells_it() -> None:
    assert found("add", {"input": (4, 3), "other": (5, 2)}).sizes == (3, 2)


def test_in_place_the_target_cannot_grow() -> None:
    assert told(found("add_", {"input": (3, 1), "other": (3, 4)}))[:3] == ("dim", (1, 4), 1)
    assert told(found("iadd", {"input": (3,), "other": (2, 3)}))[:2] == ("rank", (1, 2))


def test_masked_fill_with_a_causal_table_that_is_too_small() -> None:
    answer = found("masked_fill", {"input": (2, 33, 33), "mask": (32, 32)})
    assert told(answer)[1:] == ((33, 32), 2, "input", 2, "mask", 1)


def test_expand_cannot_change_a_size() -> None:
    assert told(found("expand", {"input": (2, 5)}, size=[3, 5])) == ("dim", (3, 2), 0, "size", 0, "input", 0)


def test_linear_behind_a_flattened_image() -> None:
    answer = found("linear", {"input": (6, 576), "weight": (1, 256), "bias": (1,)})
    assert told(answer) == ("dim", (576, 256), 1, "input", 1, "weight", 1)
    assert answer.role == "inner"


def test_matmul_with_kv_heads_not_repeated() -> None:
    answer = found("matmul", {"input": (1, 8, 4, 16), "other": (1, 2, 16, 4)})
    assert told(answer)[:3] == ("dim", (8, 2), 1)


def test_rmatmul_swaps_its_operands() -> None:
    assert found("__rmatmul__", {"input": (3, 4), "other": (5, 2)}).sizes == (2, 3)


def test_einsum_names_the_subscript() -> None:
    answer = found("einsum", {"operands[0]": (16, 5, 8), "operands[1]": (4, 7, 8)}, equation="b i d, b j d -> b i j")
    assert told(answer) == ("dim", (16, 4), 0, "operands[0]", 0, "operands[1]", 0)
    assert answer.text == "subscript b: 16 against 4"
    assert answer.role == "b"


def test_einsum_of_another_rank() -> None:
    assert told(found("einsum", {"operands[0]": (3,)}, equation="ij->i"))[:2] == ("rank", (2, 1))


def test_reshape_to_heads_that_do_not_divide_the_width() -> None:
    answer = found("reshape", {"input": (2, 6, 192)}, size=[2, 6, 3, 6, 10])
    assert told(answer)[:2] == ("numel", (2160, 2304))
    assert answer.text == "[2, 6, 3, 6, 10] holds 2160 elements, input has 2304"


def test_reshape_with_an_open_size() -> None:
    assert told(found("view", {"input": (5, 7)}, size=[-1, 4]))[:2] == ("divides", (35, 4))


def test_view_of_a_transposed_tensor() -> None:
    answer = found("view", {"input": (5, 8)}, {"stride": [1, 5]}, size=[-1])
    assert told(answer) == ("count", (40, 1), 0, "size", 0, "input", 0)
    assert "cannot be joined" in answer.text


def test_unflatten_of_a_size() -> None:
    assert told(found("unflatten", {"input": (2, 10)}, dim=1, sizes=[3, -1]))[:3] == ("divides", (10, 3), 1)


def test_permute_of_another_rank() -> None:
    assert told(found("permute", {"input": (2, 3, 4)}, dims=[0, 2, 3, 1]))[:2] == ("rank", (4, 3))


def test_number_beyond_a_dim() -> None:
    answer = found("getitem", {"input": (2, 3)}, index=["slice:::", "int:3"])
    assert told(answer) == ("index", (3, 3), 1, "index", None, "input", 1)


def test_mask_of_another_length() -> None:
    answer = found("getitem", {"input": (4, 5), "index": (3,)}, index=["mask:(3,)"])
    assert told(answer) == ("dim", (4, 3), 0, "input", 0, "index", 0)


def test_too_many_indices() -> None:
    assert told(found("getitem", {"input": (4, 5)}, index=["int:0"] * 3))[:2] == ("rank", (3, 2))


def test_index_tensors_that_do_not_broadcast() -> None:
    tensors = {"input": (4, 5), "index[0]": (3,), "index[1]": (2,)}
    assert told(found("getitem", tensors, index=["index:(3,)", "index:(2,)"])) == (
        "dim", (3, 2), 0, "index[0]", 0, "index[1]", 0,
    )  # fmt: skip


def test_value_too_wide_for_a_buffer() -> None:
    answer = found("setitem", {"input": (8, 4), "value": (3, 4)}, index=["slice:0:2:"])
    assert told(answer) == ("dim", (2, 3), 0, "input", 0, "value", 0)


def test_gather_with_flat_actions() -> None:
    assert told(found("gather", {"input": (8, 4), "index": (8,)}, dim=1))[:2] == ("rank", (2, 1))


def test_scatter_of_a_void_label() -> None:
    answer = found("scatter_", {"input": (2, 3, 4), "index": (2, 1, 4)}, {"index_max": 255}, dim=1)
    assert told(answer) == ("index", (255, 3), 1, "index", None, "input", 1)


def test_index_copy_beyond_a_static_cache() -> None:
    tensors = {"input": (1, 2, 40, 8), "index": (9,), "source": (1, 2, 9, 8)}
    assert told(found("index_copy_", tensors, {"index_max": 48}, dim=2))[:3] == ("index", (48, 40), 2)


def test_index_copy_of_another_number_of_slices() -> None:
    tensors = {"input": (1, 40, 8), "index": (2,), "source": (1, 3, 8)}
    assert told(found("index_copy_", tensors, dim=1)) == ("dim", (2, 3), 1, "index", 0, "source", 1)


def test_token_id_beyond_the_embedding() -> None:
    answer = found("embedding", {"input": (2, 9), "weight": (17, 8)}, {"index_max": 20})
    assert told(answer) == ("index", (20, 17), 0, "input", None, "weight", 0)


def test_negative_token_id() -> None:
    assert found("embedding", {"input": (2, 9), "weight": (17, 8)}, {"index_min": -100}).sizes == (-100, 17)


def test_one_hot_of_too_few_classes() -> None:
    assert found("one_hot", {"input": (4,)}, {"index_max": 10}, num_classes=10).sizes == (10, 10)


def test_picture_with_an_alpha_channel() -> None:
    answer = found("conv2d", {"input": (1, 4, 40, 64), "weight": (8, 3, 3, 3)}, groups=1)
    assert told(answer) == ("dim", (3, 4), 1, "weight", 1, "input", 1)
    assert answer.role == "channel"


def test_grouped_convolution_asks_for_all_groups() -> None:
    assert found("conv1d", {"input": (2, 3, 9), "weight": (4, 1, 3)}, groups=2).sizes == (2, 3)


def test_kernel_larger_than_what_is_left() -> None:
    answer = found("conv1d", {"input": (2, 3, 4), "weight": (4, 3, 5)})
    assert told(answer)[:3] == ("dim", (5, 4), 2)
    assert told(found("MaxPool2d", {"input": (1, 8, 1, 1)}, kernel_size=2))[:3] == ("dim", (2, 1), 2)


def test_batch_norm_of_another_width() -> None:
    tensors = {"input": (4, 16, 8, 8), "running_mean": (32,), "running_var": (32,)}
    assert told(found("batch_norm", tensors)) == ("dim", (32, 16), 1, "running_mean", 0, "input", 1)


def test_last_batch_of_one_row_in_training() -> None:
    answer = found("BatchNorm1d", {"input": (1, 16)}, training=True)
    assert told(answer)[:3] == ("count", (2, 1), 0)
    assert answer.role == "batch"


def test_rank_of_a_batch_norm_layer() -> None:
    assert told(found("BatchNorm2d", {"input": (4, 16)}))[:2] == ("rank", (4, 2))


def test_layer_norm_over_the_channels_of_a_picture() -> None:
    answer = found("LayerNorm", {"input": (2, 64, 7, 7), "weight": (64,)}, normalized_shape=[64])
    assert told(answer) == ("dim", (64, 7), 3, "normalized_shape", 0, "input", 3)


def test_groups_that_do_not_divide_the_channels() -> None:
    assert told(found("group_norm", {"input": (2, 6, 5)}, num_groups=4))[:3] == ("divides", (6, 4), 1)


def test_hidden_state_of_an_earlier_batch() -> None:
    tensors = {"input": (10, 3, 8), "hx[0]": (2, 4, 16), "hx[1]": (2, 4, 16)}
    answer = found("LSTM", tensors, input_size=8, hidden_size=16, num_layers=2)
    assert told(answer) == ("dim", (3, 4), 1, "input", 1, "hx[0]", 1)
    assert answer.role == "batch"


def test_recurrent_sizes_from_the_weights() -> None:
    tensors = {"input": (3, 10, 9), "weight_ih_l0": (64, 8), "weight_hh_l0": (64, 16)}
    assert told(found("GRU", tensors, batch_first=True)) == ("dim", (8, 9), 2, "weight_ih_l0", 1, "input", 2)


def test_cross_entropy_of_folded_rows() -> None:
    answer = found("cross_entropy", {"input": (28, 11), "target": (32,)})
    assert told(answer) == ("dim", (28, 32), 0, "input", 0, "target", 0)
    assert answer.role == "batch"


def test_cross_entropy_with_one_hot_indices() -> None:
    assert told(found("cross_entropy", {"input": (4, 3), "target": (4, 1)}))[:2] == ("rank", (1, 2))


def test_class_index_beyond_the_head() -> None:
    tensors = {"input": (4, 3), "target": (4,)}
    assert told(found("cross_entropy", tensors, {"index_max": 3}))[:3] == ("index", (3, 3), 1)
    assert clash("cross_entropy", Call("cross_entropy", list(tensors.items()), {}, {"index_min": -100})) is None


def test_bce_is_strict_where_mse_broadcasts() -> None:
    tensors: dict[str, Shape] = {"input": (8, 1), "target": (8,)}
    assert told(found("binary_cross_entropy", tensors))[:2] == ("rank", (2, 1))
    assert clash("mse_loss", Call("mse_loss", list(tensors.items()))) is None
    assert found("BCELoss", {"input": (125,), "target": (5,)}).sizes == (125, 5)


def test_attention_mask_shorter_than_the_keys() -> None:
    tensors = {"query": (2, 8, 1, 16), "key": (2, 8, 20, 16), "value": (2, 8, 20, 16), "attn_mask": (2, 1, 1, 19)}
    answer = found("scaled_dot_product_attention", tensors)
    assert told(answer) == ("dim", (20, 19), 3, "key", 2, "attn_mask", 3)
    assert answer.role == "key"


def test_attention_with_kv_heads_not_repeated() -> None:
    tensors = {"query": (2, 8, 4, 16), "key": (2, 2, 4, 16), "value": (2, 2, 4, 16)}
    answer = found("scaled_dot_product_attention", tensors)
    assert told(answer)[:3] == ("dim", (8, 2), 1)
    assert answer.role == "head"
    fits = Call("scaled_dot_product_attention", list(tensors.items()), {"enable_gqa": True})
    assert clash(fits.op, fits) is None


def test_attention_interface_of_transformers_repeats_the_heads_itself() -> None:
    tensors = {"query": (2, 8, 4, 16), "key": (2, 2, 4, 16), "value": (2, 2, 4, 16), "attention_mask": (3, 1, 4, 4)}
    assert told(found("sdpa_attention_forward", tensors)) == ("dim", (2, 3), 0, "query", 0, "attention_mask", 0)


def test_one_mask_for_each_sample() -> None:
    tensors = {"src": (3, 7, 16), "src_mask": (3, 7, 7)}
    answer = found("TransformerEncoder", tensors, nhead=4, batch_first=True)
    assert told(answer) == ("dim", (12, 3), 0, "src", 0, "src_mask", 0)
    assert answer.text == "src_mask has 3 in dim 0, batch 3 * heads 4 = 12 is wanted"


def test_padding_mask_of_a_batch_that_is_not_first() -> None:
    tensors = {"query": (4, 6, 16), "key": (4, 6, 16), "value": (4, 6, 16), "key_padding_mask": (4, 6)}
    answer = found("MultiheadAttention", tensors, num_heads=2, embed_dim=16, batch_first=False)
    assert told(answer) == ("dim", (6, 4), 0, "key", 1, "key_padding_mask", 0)


def test_heads_that_do_not_divide_the_width() -> None:
    tensors = {"query": (4, 6, 64), "key": (4, 6, 64), "value": (4, 6, 64)}
    assert found("MultiheadAttention", tensors, num_heads=6, embed_dim=64).sizes == (64, 6)


def test_ragged_rows() -> None:
    assert told(found("tensor", {}, lengths=[3, 3, 2])) == ("dim", (3, 2), 1, "data[0]", 0, "data[2]", 0)
    assert found("default_collate", {"batch[0]": (3, 32, 32), "batch[1]": (1, 32, 32)}).sizes == (3, 1)


def test_sequences_of_other_widths() -> None:
    assert told(found("pad_sequence", {"sequences[0]": (5, 8), "sequences[1]": (3, 7)}))[:3] == ("dim", (8, 7), 1)


def test_checkpoint_of_another_head() -> None:
    answer = found("load_state_dict", {"checkpoint head.weight": (10, 24), "head.weight": (4, 24)})
    assert told(answer)[:5] == ("dim", (4, 10), 0, "head.weight", 0)


def test_rank_with_a_smaller_shard() -> None:
    tensors = {"tensor_list[0]": (4, 3), "tensor_list[1]": (4, 3), "tensor": (3, 3)}
    assert told(found("all_gather", tensors)) == ("dim", (4, 3), 0, "tensor_list[0]", 0, "tensor", 0)
    assert found("all_reduce", {"rank0": (4,), "rank1": (3,)}).sizes == (4, 3)


def test_distributed_gather_is_not_the_tensor_op() -> None:
    tensors = {"tensor": (3, 3), "gather_list[0]": (4, 3)}
    assert found("torch.distributed.gather", tensors).sizes == (4, 3)


def test_collective_that_does_not_split_evenly() -> None:
    assert told(found("all_to_all_single", {"output": (8,), "input": (7,)}, world_size=4))[:2] == ("divides", (7, 4))
    assert told(found("reduce_scatter_tensor", {"output": (2,), "input": (7,)}, world_size=4))[:2] == ("numel", (8, 7))


def test_split_sizes_that_do_not_sum() -> None:
    answer = found("split", {"input": (10, 4)}, split_size_or_sections=[4, 4], dim=0)
    assert told(answer)[:3] == ("count", (8, 10), 0)


def test_fewer_chunks_than_expected() -> None:
    assert told(found("chunk", {"input": (6,)}, {"pieces": 4}, chunks=4))[:3] == ("count", (4, 3), 0)


def test_more_rows_under_a_mask_than_in_the_source() -> None:
    tensors = {"input": (2, 16, 8), "mask": (2, 16, 1), "source": (32, 4)}
    assert told(found("masked_scatter", tensors, {"mask_count": 19}))[:2] == ("count", (152, 128))


def test_topk_of_too_few() -> None:
    assert told(found("topk", {"input": (4, 3)}, k=5))[:3] == ("index", (5, 3), 1)


@pytest.mark.parametrize("op", ["conv2d", "linear", "gather", "reshape", "einsum", "no_such_op"])
def test_what_is_not_known_is_no_clash(op: str) -> None:
    assert clash(op, Call(op, [("input", (2, 3))])) is None
