"""Everything is undone: after a guard, whatever happened in it, each patched owner is what it was."""

from __future__ import annotations

import gc
import importlib
import itertools
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._C import _len_torch_function_stack

import shapeguard
from shapeguard.capture import state as thread_states
from shapeguard.capture.capture import Capture
from shapeguard.capture.sites import SITES
from shapeguard.capture.state import state

CAPTURE = str(Path(thread_states.__file__).parent)
Attributes = list[tuple[Any, dict[str, Any]]]


def owners() -> list[Any]:
    """Every object that a guard replaces attributes of."""
    pytest.importorskip("transformers")
    found: dict[int, Any] = {}
    for site in SITES:
        for owner in site.owners(importlib.import_module(site.module)):
            found[id(owner)] = owner
    return list(found.values())


def attributes() -> Attributes:
    """All their attributes, and what else in the process a guard touches."""
    from torch.jit import _builtins

    patched = owners()
    process = {
        "meta_path": list(sys.meta_path),
        "builtins": dict(_builtins._get_builtin_table()),
        "stack": _len_torch_function_stack(),
        "recorders": (thread_states.process_recorders, state.recorders, state.mode, state.inside, state.root),
        "hooks": (sys.excepthook, threading.excepthook, sys.settrace, sys.gettrace() is None),
    }
    return [(owner, dict(vars(owner))) for owner in patched] + [(None, process)]


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """After each test of this module everything is as before."""
    before = attributes()
    yield
    for (owner, found), (_, wanted) in zip(attributes(), before, strict=True):
        assert found.keys() == wanted.keys(), owner
        for name, value in found.items():
            assert value is wanted[name] or value == wanted[name], (owner, name)
            if owner is not None:
                assert value is wanted[name], (owner, name)


def test_every_site_is_there_and_is_replaced(watching: str) -> None:
    """A place that this version does not have would be skipped without a word."""
    for site in SITES:
        module = importlib.import_module(site.module)
        before = {id(owner): vars(owner).get(site.name) for owner in site.owners(module)}
        assert any(hasattr(owner, site.name) for owner in site.owners(module)) or site.module == "torch.optim.adamw", (
            site
        )
        if site.group == "ops" and watching == "boundary":
            continue
        with shapeguard.guard(watching):  # type: ignore[arg-type]
            for owner in site.owners(module):
                if hasattr(owner, site.name):
                    assert vars(owner)[site.name] is not before[id(owner)], site


def test_after_an_exception(level: str) -> None:
    with pytest.raises(RuntimeError), shapeguard.guard(level):  # type: ignore[arg-type]
        nn.Linear(3, 4)(torch.ones(2, 5))


@pytest.mark.parametrize("level", ["boundary", "user", "all"])
def test_a_traceback_that_leaves_a_guard_has_no_frames_of_ours(level: str) -> None:
    with pytest.raises(RuntimeError) as raised, shapeguard.guard(level):  # type: ignore[arg-type]
        torch.cat([torch.ones(2, 3), torch.ones(3, 4)])
    files = [entry.path for entry in raised.traceback]
    assert [Path(str(file)).name for file in files] == [Path(__file__).name]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("levels", list(itertools.product(("crash", "boundary", "user", "all"), repeat=2)))
def test_nested_in_either_order(levels: tuple[str, str], order: tuple[int, int]) -> None:
    guards = [shapeguard.guard(level) for level in levels]  # type: ignore[arg-type]
    for guard in guards:
        guard.__enter__()
    for index in order:
        torch.cat([torch.ones(2), torch.ones(1)])
        guards[index].__exit__(None, None, None)
    assert all(guard.recording.notes == [] for guard in guards)


def test_levels_of_overlapping_guards_do_not_outlive_them() -> None:
    user = shapeguard.guard("user")
    with user:
        with shapeguard.guard("all"):
            nn.LayerNorm(2)(torch.ones(2))
        nn.LayerNorm(2)(torch.ones(2))
    assert "layer_norm" not in [row.op for row in user.recording.rows if row.first_at > 6]


def test_two_threads_overlapping(watching: str) -> None:
    steps = [threading.Barrier(2, timeout=20) for _ in range(3)]
    recordings = {}

    def work(name: str, size: int) -> None:
        guard = shapeguard.guard(watching)  # type: ignore[arg-type]
        with guard:
            steps[0].wait()
            torch.cat([torch.ones(size), torch.ones(size)])
            steps[1].wait()
        recordings[name] = guard.recording
        steps[2].wait()

    threads = [threading.Thread(target=work, args=(name, size)) for name, size in (("a", 3), ("b", 5))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sizes = {
        name: [row.outputs[0].last for row in recording.rows if row.op == "cat"]
        for name, recording in recordings.items()
    }
    assert sizes == {"a": [(6,)], "b": [(10,)]}


# -- tensors and modules -----------------------------------------------------------------------------------------------


def test_nothing_is_set_on_tensors_and_modules(level: str) -> None:
    model, x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.ones(1, 2)
    before = [dict(vars(module)) for module in model.modules()]
    with shapeguard.guard(level):  # type: ignore[arg-type]
        y = torch.cat([model(x), x])
    assert [dict(vars(module)) for module in model.modules()] == before
    assert vars(x) == vars(y) == {}


def test_no_tensor_is_kept_alive(level: str) -> None:
    gc.disable()  # it must be gone by its reference count
    try:
        with shapeguard.guard(level):  # type: ignore[arg-type]
            made = [torch.ones(4, 4), nn.Linear(4, 4)(torch.ones(2, 4)), torch.cat([torch.ones(2), torch.ones(3)])]
            watched = [weakref.ref(tensor) for tensor in made]
            made.clear()
            assert [ref() for ref in watched] == [None, None, None]
    finally:
        gc.enable()


def test_arguments_of_a_running_call_can_be_freed(watching: str) -> None:
    """A cache drops its old keys before it makes longer ones; described arguments must not hold them."""
    cache_utils = pytest.importorskip("transformers.cache_utils")

    class Watching(cache_utils.DynamicLayer):
        def lazy_initialization(self, *args: Any, **kwargs: Any) -> Any:
            return super().lazy_initialization(*args, **kwargs)

    with shapeguard.guard(watching):  # type: ignore[arg-type]
        cache = cache_utils.DynamicCache()
        seen = []
        for _ in range(3):
            cache.update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4), 0)
            seen.append(weakref.ref(cache.layers[0].keys))
        assert [ref() is None for ref in seen] == [True, True, False]


def test_origins_do_not_grow(watching: str) -> None:
    guard = Capture(watching)  # type: ignore[arg-type]
    guard.open()
    try:
        a = torch.ones(2)
        for _ in range(100_000 if watching != "all" else 50_000):
            torch.cat((a, a))
        recorder = guard._recorder
        assert recorder is not None
        assert recorder.events >= 50_000
        assert len(recorder.origins) <= 20_001
        assert len(recorder.segments) < 10
    finally:
        guard.close("completed")


def test_what_is_retained_is_light() -> None:
    """Rows hold plain ints and tuples: no torch.Size, no list, nothing that the program made."""
    capture = Capture("user")
    capture.open()
    for size in range(2, 30):
        torch.cat([torch.ones(size, size), torch.ones(1, size)]).view(-1)[: size + 1]
    segments = capture._recorder.segments if capture._recorder is not None else []
    kinds = {type(number) for segment in segments for number in (*segment.first, *segment.last)}
    assert kinds == {int}
    assert {type(segment.last) for segment in segments} == {tuple}
    capture.close("completed")
