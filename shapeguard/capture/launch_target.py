"""What is to be run, and the setting of the stage for it: argv, path and a ``__main__`` of its own, as python does."""

from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import importlib.util
import io
import marshal
import os
import pkgutil
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Literal

from shapeguard.errors import UsageError


@dataclass(frozen=True)
class Target:
    """A script (file, folder or zip with a ``__main__.py``, or ``.pyc``) or a module, with its arguments."""

    kind: Literal["script", "module"]
    name: str
    args: tuple[str, ...] = ()

    @classmethod
    def script(cls, path: str | os.PathLike[str], args: Sequence[str] = ()) -> Target:
        """What ``python path args…`` runs."""
        return cls("script", os.fspath(path), tuple(args))

    @classmethod
    def module(cls, name: str, args: Sequence[str] = ()) -> Target:
        """What ``python -m name args…`` runs."""
        return cls("module", name, tuple(args))

    def check(self) -> None:
        """Look whether there is something to run, importing and changing nothing.

        Raises:
            UsageError: no such script, nothing runnable in that folder, no such module.
        """
        if self.kind == "script":
            _check_script(self.name)
        else:
            with _first_on_path(_working_folder()):
                _check_module(self.name)

    def command(self) -> list[str]:
        """The command line that runs this with plain python, under the same interpreter options."""
        options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        return [sys.executable, *options, *self.words()]

    def words(self) -> list[str]:
        """What stands on python's command line for this."""
        return [*(["-m"] if self.kind == "module" else []), self.name, *self.args]


@dataclass(frozen=True)
class Program:
    """A target on a set stage. ``broken`` says why python could not compile it; ``run`` must not be called then."""

    run: Callable[[], None]
    is_file: bool = False  # a plain file, which python runs itself, without runpy
    broken: Exception | None = None

    def leave(self) -> None:
        """Take ``__file__`` and ``__cached__`` from ``__main__``, as python does after a file that did not exit."""
        if self.is_file:
            names = vars(sys.modules["__main__"])
            names.pop("__file__", None)
            names.pop("__cached__", None)


def stage(target: Target) -> Program:
    """Set argv, path and ``__main__`` for the target and make it ready to run.

    Raises:
        UsageError: the script cannot be read.
    """
    if target.kind == "module":
        _set_stage(target, "-m", _working_folder())
        return Program(lambda: runpy._run_module_as_main(target.name))  # type: ignore[attr-defined]
    path = os.path.join(_working_folder() or "", target.name)  # python makes it absolute and leaves "./" in it
    if pkgutil.get_importer(path) is not None:
        _set_stage(target, target.name, path, always=True)
        return Program(lambda: runpy._run_module_as_main("__main__", False))  # type: ignore[attr-defined]
    source = _read(target.name)
    main = _set_stage(target, target.name, os.path.dirname(os.path.realpath(target.name)))
    return _file_program(main, path, source)


def _file_program(main: ModuleType, path: str, source: bytes) -> Program:
    names = vars(main)
    names["__file__"] = path
    names["__cached__"] = None
    compiled = path.endswith(".pyc") or source[:2] == importlib.util.MAGIC_NUMBER[:2]
    kind = importlib.machinery.SourcelessFileLoader if compiled else importlib.machinery.SourceFileLoader
    names["__loader__"] = kind("__main__", path)
    try:
        code = _unmarshal(source) if compiled else _compile(source, path)
    except Exception as error:
        return Program(lambda: None, is_file=True, broken=error)
    return Program(lambda: exec(code, names), is_file=True)


def _compile(source: bytes, path: str) -> CodeType:
    """Compile as for a file of the user's: nothing of this module's ``__future__`` leaks in.

    The first, silent pass finds what python would refuse before any warning is shown; python then shows both itself.
    A file must also decode as a whole: ``compile`` lets undecodable comments pass, python does not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(source, path, "exec", dont_inherit=True)
    importlib.util.decode_source(source)
    return compile(source, path, "exec", dont_inherit=True)


def _unmarshal(data: bytes) -> CodeType:
    if data[:4] != importlib.util.MAGIC_NUMBER:
        raise RuntimeError("Bad magic number in .pyc file")
    code = marshal.loads(data[16:])
    if not isinstance(code, CodeType):
        raise RuntimeError("Bad code object in .pyc file")
    return code


def _set_stage(target: Target, argv0: str, folder: str | None, always: bool = False) -> ModuleType:
    sys.argv = [argv0, *target.args]
    sys.orig_argv = [sys.orig_argv[0], *target.words()]
    if _python_adds_folder():
        del sys.path[:1]  # the folder of the program that called us
    if folder is not None and (always or _python_adds_folder()):
        sys.path.insert(0, folder)
    main = ModuleType("__main__")
    main.__loader__ = importlib.machinery.BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    vars(main)["__builtins__"] = builtins
    sys.modules["__main__"] = main
    return main


def _python_adds_folder() -> bool:
    """Whether this interpreter puts the script's folder on the path: not under -I, -P or PYTHONSAFEPATH."""
    return not getattr(sys.flags, "safe_path", sys.flags.isolated)


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted under us; python then goes without
        return None


@contextlib.contextmanager
def _first_on_path(folder: str | None) -> Iterator[None]:
    saved = sys.path[:]
    if _python_adds_folder():
        sys.path[:1] = [folder] if folder is not None else []
    try:
        yield
    finally:
        sys.path[:] = saved


def _read(path: str) -> bytes:
    try:
        with io.open_code(os.path.abspath(path)) as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"expected a script, but {path} cannot be read ({error.strerror})") from None


def _check_script(path: str) -> None:
    if not os.path.exists(path):
        raise UsageError(f"expected a script, but there is no {path} (looked in {_working_folder()})")
    if os.path.isfile(path) and not os.access(path, os.R_OK):
        raise UsageError(f"expected a script, but {path} cannot be read (no permission)")
    finder = pkgutil.get_importer(os.path.join(_working_folder() or "", path))
    if finder is not None and finder.find_spec("__main__") is None:
        raise UsageError(f"expected a script, but the folder or archive {path} has no __main__.py to run")


def _check_module(name: str) -> None:
    parts = name.split(".")
    if not all(parts):
        raise UsageError(f"expected the name of a module after -m, as in package.module, got {name!r}")
    spec = None
    for end in range(1, len(parts) + 1):
        spec = _child(spec, ".".join(parts[:end]), name)
        if spec is None:
            return
    if spec is not None and spec.submodule_search_locations is not None:
        _child(spec, f"{name}.__main__", name)


def _child(
    parent: importlib.machinery.ModuleSpec | None, name: str, wanted: str
) -> importlib.machinery.ModuleSpec | None:
    """The spec of a module, found without importing its parent; None where that cannot be told."""
    try:
        spec = _find_spec(name, None if parent is None else parent.submodule_search_locations)
    except Exception:  # a finder that needs the parent imported (nested namespace packages): runpy will tell
        return None
    if spec is not None or (parent is not None and _makes_its_own_path(parent)):
        return spec
    hint = f" (for the file, leave out -m: {wanted})" if wanted.endswith(".py") else ""
    what = f"{wanted} is a package without a __main__" if name == f"{wanted}.__main__" else f"there is no {name}"
    raise UsageError(f"expected a module that can be run, but {what}{hint}")


def _find_spec(name: str, path: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    if path is None and "." in name:
        return None  # a child of something that is no package
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None


def _makes_its_own_path(package: importlib.machinery.ModuleSpec) -> bool:
    """Whether a package's ``__init__`` may look for its modules elsewhere (``__path__ = extend_path(…)``)."""
    try:
        with open(package.origin or "", "rb") as file:
            return b"__path__" in file.read()
    except OSError:
        return package.submodule_search_locations is not None and package.origin is not None
