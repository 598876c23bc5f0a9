"""Callbacks after an import: called right then, for every kind of module, and nobody else notices."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.resources
import importlib.util
import inspect
import os
import subprocess
import sys
import threading
import traceback
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shapeguard.capture.imports import ImportHooks

_ROOT = Path(__file__).parents[2]


class World:
    """A folder on the path to import from, hooks, and what they have called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors: list[Exception] = []
        self.called: list[ModuleType] = []
        self.hooks = ImportHooks(on_error=self.errors.append)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        importlib.invalidate_caches()

    def watch(self, *names: str) -> None:
        for name in names:
            self.hooks.when_imported(name, self.called.append)
        self.hooks.install()

    @property
    def names(self) -> list[str]:
        return [module.__name__ for module in self.called]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.syspath_prepend(str(tmp_path))
    modules, finders = set(sys.modules), sys.meta_path[:]
    world = World(tmp_path)
    yield world
    world.hooks.uninstall()
    assert sys.meta_path == finders
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_the_callback_comes_right_after_the_module(world: World) -> None:
    world.write("sg_a.py", "done = []\nimport sg_b\ndone.append('a')")
    world.write("sg_b.py", "x = 1")
    world.hooks.when_imported("sg_a", lambda module: world.called.append(module.done[0]))
    world.watch("sg_b")
    import sg_a  # type: ignore[import-not-found]

    assert [getattr(entry, "__name__", entry) for entry in world.called] == ["sg_b", "a"]
    assert sys.modules["sg_a"] is sg_a
    importlib.import_module("sg_a")
    assert len(world.called) == 2


def test_what_is_imported_already_is_called_at_once_and_nothing_is_imported(world: World) -> None:
    world.write("sg_a.py", "")
    importlib.import_module("sg_a")
    world.write("sg_b.py", "")
    world.watch("sg_a", "sg_b")
    assert world.names == ["sg_a"]
    world.watch("sg_a")
    assert world.names == ["sg_a", "sg_a"]
    assert "sg_b" not in sys.modules


def test_before_install_and_after_uninstall_nothing_is_called(world: World) -> None:
    world.write("sg_a.py", "")
    world.write("sg_b.py", "")
    world.hooks.when_imported("sg_a", world.called.append)
    world.hooks.when_imported("sg_b", world.called.append)
    importlib.import_module("sg_a")
    assert world.called == []
    world.hooks.install()
    assert world.names == ["sg_a"]
    world.hooks.uninstall()
    importlib.import_module("sg_b")
    assert world.names == ["sg_a"]


def test_submodules_wait_for_their_package(world: World) -> None:
    world.write("sg_p/__init__.py", "order = []\nimport sg_p.inner\nfrom sg_p.inner import f\norder.append('package')")
    world.write("sg_p/inner.py", "import sg_p\ndef f(): pass\nsg_p.order.append('inner')")
    world.write("sg_p/later.py", "")
    seen: list[Any] = []
    world.hooks.when_imported("sg_p.inner", lambda module: seen.extend([module.__name__, *sys.modules["sg_p"].order]))
    world.watch("sg_p", "sg_p.later")
    importlib.import_module("sg_p.inner")
    assert seen == ["sg_p.inner", "inner", "package"]
    assert world.names == ["sg_p"]
    importlib.import_module("sg_p.later")
    assert world.names == ["sg_p", "sg_p.later"]


def test_a_module_that_replaces_itself_is_seen_as_others_see_it(world: World) -> None:
    world.write(
        "sg_lazy/__init__.py",
        "import sys, types, importlib\n"
        "class Lazy(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        if name.startswith('__'): raise AttributeError(name)\n"
        "        return importlib.import_module('.' + name, self.__name__)\n"
        "me = sys.modules[__name__]\n"
        "new = Lazy(__name__); new.__path__ = __path__; new.__spec__ = __spec__\n"
        "sys.modules[__name__] = new\n",
    )
    world.write("sg_lazy/model.py", "x = 1")
    world.watch("sg_lazy", "sg_lazy.model")
    import sg_lazy  # type: ignore[import-not-found]

    assert [type(module).__name__ for module in world.called] == ["Lazy"]
    assert sg_lazy.model.x == 1
    assert world.names == ["sg_lazy", "sg_lazy.model"]


def test_errors_of_callbacks_stay_away_from_the_import(world: World) -> None:
    world.write("sg_a.py", "x = 1")

    def bad(module: ModuleType) -> None:
        raise RuntimeError(module.__name__)

    world.hooks.when_imported("sg_a", bad)
    world.watch("sg_a")
    assert importlib.import_module("sg_a").x == 1
    assert [str(error) for error in world.errors] == ["sg_a"]
    assert world.names == ["sg_a"]


def test_a_module_that_fails_is_not_called_back_until_it_works(world: World) -> None:
    world.write("sg_a.py", "import os\nif not os.environ.get('SG_READY'): raise ValueError('not yet')")
    world.watch("sg_a")
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            importlib.import_module("sg_a")
    assert world.called == []
    os.environ["SG_READY"] = "1"
    try:
        importlib.import_module("sg_a")
    finally:
        del os.environ["SG_READY"]
    assert world.names == ["sg_a"]


def test_a_package_that_fails_keeps_its_submodules_waiting(world: World) -> None:
    world.write("sg_p/__init__.py", "import sg_p.inner, os\nif not os.environ.get('SG_READY'): raise ValueError('no')")
    world.write("sg_p/inner.py", "")
    world.write("sg_other.py", "")
    world.watch("sg_p.inner")
    with pytest.raises(ValueError, match="no"):
        importlib.import_module("sg_p")
    importlib.import_module("sg_other")
    assert world.called == []
    os.environ["SG_READY"] = "1"
    try:
        importlib.import_module("sg_p")
    finally:
        del os.environ["SG_READY"]
    assert world.names == ["sg_p.inner"]


def test_reload_calls_again(world: World) -> None:
    world.write("sg_a.py", "x = 1")
    world.watch("sg_a")
    module = importlib.import_module("sg_a")
    importlib.reload(module)
    assert world.names == ["sg_a", "sg_a"]
    assert type(module.__loader__) is importlib.machinery.SourceFileLoader


def test_questions_about_a_module_are_answered_as_without_us(world: World) -> None:
    world.write("sg_a.py", "")
    plain = importlib.util.find_spec("sg_a")
    world.watch("sg_a")
    asked = importlib.util.find_spec("sg_a")
    assert asked is not None
    assert plain is not None
    assert asked == plain
    assert type(asked.loader) is importlib.machinery.SourceFileLoader
    module = importlib.util.module_from_spec(asked)
    asked.loader.exec_module(module)
    assert world.called == []


def test_an_imported_module_has_its_own_loader(world: World) -> None:
    world.write(
        "sg_p/__init__.py",
        "loaders = (type(__loader__), type(__spec__.loader))\n"
        "import sys\nframes, f = [], sys._getframe()\n"
        "while f:\n    frames.append(f.f_code.co_filename)\n    f = f.f_back",
    )
    world.write("sg_p/data.txt", "text")
    world.watch("sg_p")
    module = importlib.import_module("sg_p")
    kind = importlib.machinery.SourceFileLoader
    spec: Any = module.__spec__
    assert module.loaders == (kind, kind)
    assert type(module.__loader__) is type(spec.loader) is kind
    assert spec.loader.is_package("sg_p")
    assert spec.loader.get_code("sg_p") is not None
    assert "frames" in inspect.getsource(module)
    assert importlib.resources.files("sg_p").joinpath("data.txt").read_text() == "text"
    assert not [file for file in module.frames if file.startswith(str(_ROOT / "shapeguard"))]


def test_zip_builtin_extension_and_namespace_modules(world: World) -> None:
    with zipfile.ZipFile(world.folder / "sg.zip", "w") as archive:
        archive.writestr("sg_zipped.py", "x = 1")
    sys.path.insert(0, str(world.folder / "sg.zip"))
    world.write("sg_space/inner.py", "")
    names = ["sg_zipped", "_xxsubinterpreters", "_interpreters", "_bisect", "sg_space.inner", "sg_space"]
    known = [name for name in names if name.startswith("sg_") or _exists(name)]
    for name in known:
        sys.modules.pop(name, None)
    world.watch(*known)
    for name in known:
        importlib.import_module(name)
    world.write("sg_next.py", "")
    importlib.import_module("sg_next")
    assert sorted(world.names) == sorted(known)
    sys.path.remove(str(world.folder / "sg.zip"))


def _exists(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_a_lazy_loader_stays_lazy(world: World) -> None:
    world.write("sg_a.py", "x = 1")

    class LazyFinder(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
            spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "sg_a" else None
            if spec is not None and spec.loader is not None:
                spec.loader = importlib.util.LazyLoader(spec.loader)
            return spec

    finder = LazyFinder()
    sys.meta_path.insert(0, finder)
    try:
        world.watch("sg_a")
        module = importlib.import_module("sg_a")
        world.watch("sg_a")
        assert world.called == []
        assert module.x == 1
        assert world.names == ["sg_a", "sg_a"]
        assert type(module.__loader__) is importlib.machinery.SourceFileLoader
    finally:
        sys.meta_path.remove(finder)


def test_another_hook_library_in_front_of_ours_loses_nothing(world: World) -> None:
    world.write("sg_a.py", "")

    class Chained(
        importlib.abc.MetaPathFinder
    ):  # as wrapt does it: asks importlib for the spec of the import under way
        busy = False

        def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
            if name != "sg_a" or self.busy:
                return None
            self.busy = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.busy = False

    finder = Chained()
    world.watch("sg_a")
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("sg_a")
    finally:
        sys.meta_path.remove(finder)
    assert world.names == ["sg_a"]


def test_two_sets_of_hooks_are_both_called(world: World) -> None:
    world.write("sg_a.py", "")
    inner = ImportHooks(on_error=world.errors.append)
    inner.when_imported("sg_a", world.called.append)
    world.watch("sg_a")
    inner.install()
    module = importlib.import_module("sg_a")
    inner.uninstall()
    assert world.names == ["sg_a", "sg_a"]
    assert type(module.__loader__) is importlib.machinery.SourceFileLoader


def test_an_import_that_began_before_us_is_noticed_afterwards(world: World) -> None:
    world.write("sg_a.py", "import sg_hooks_go_in\nx = 1")
    world.write("sg_next.py", "")
    go_in = ModuleType("sg_hooks_go_in")
    go_in.__spec__ = importlib.machinery.ModuleSpec("sg_hooks_go_in", None)
    world.write("sg_hooks_go_in.py", "import sys\nsys.sg_world.watch('sg_a')")
    vars(sys)["sg_world"] = world
    try:
        importlib.import_module("sg_a")
    finally:
        del vars(sys)["sg_world"]
    importlib.import_module("sg_next")
    assert [module.x for module in world.called] == [1]


def test_threads_importing_at_once_call_back_once(world: World) -> None:
    world.write("sg_a.py", "import time\ntime.sleep(.05)\nx = 1")
    world.watch("sg_a")
    threads = [threading.Thread(target=importlib.import_module, args=("sg_a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.names == ["sg_a"]


@pytest.mark.parametrize("text", ["raise ValueError('x')", "import sg_missing", "x = = 1"])
def test_the_traceback_of_a_failed_import_is_the_same(text: str, world: World) -> None:
    world.write("sg_a.py", text)

    def fail() -> str:
        try:
            import sg_a  # noqa: F401
        except Exception:
            return traceback.format_exc()
        return ""

    plain = fail()
    world.watch("sg_a")
    assert fail() == plain
    assert "sg_a.py" in plain


def test_a_warning_at_import_blames_the_same_line(world: World) -> None:
    world.write("sg_a.py", "import warnings\nwarnings.warn('old', stacklevel=2)")

    def blamed() -> tuple[str, int]:
        sys.modules.pop("sg_a", None)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import sg_a  # noqa: F401
        return caught[0].filename, caught[0].lineno

    plain = blamed()
    world.watch("sg_a")
    assert blamed() == plain
    assert plain[0] == __file__


def test_uninstall_while_a_module_is_being_imported(world: World) -> None:
    world.write("sg_a.py", "import sys\nsys.sg_hooks.uninstall()")
    vars(sys)["sg_hooks"] = world.hooks
    try:
        world.watch("sg_a")
        importlib.import_module("sg_a")
    finally:
        del vars(sys)["sg_hooks"]
    assert world.called == []


def test_uninstall_twice_or_without_install_is_harmless(world: World) -> None:
    before = sys.meta_path[:]
    world.hooks.uninstall()
    world.hooks.install()
    world.hooks.install()
    assert len(sys.meta_path) == len(before) + 1
    world.hooks.uninstall()
    world.hooks.uninstall()
    assert sys.meta_path == before


def test_the_hooks_themselves_import_nothing_of_torch() -> None:
    code = (
        "import sys\nfrom shapeguard.capture.imports import ImportHooks\n"
        "h = ImportHooks(on_error=print)\nh.when_imported('torch', print)\nh.install()\nh.uninstall()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
