"""The output folder: made ready or refused before the program starts, and never in the way of its end."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import sys
import tempfile
from pathlib import Path

from shapeguard.errors import OutputError
from shapeguard.render import FORMATS
from shapeguard.values.findings import Report
from shapeguard.values.recording import Recording
from shapeguard.values.store import dump_recording, write_atomically

# What a folder of ours holds: moved aside together. Whatever else lies there stays where it is.
_OURS = ("report.json", "report.html", "report.md", "recording.jsonl", "recording-*.jsonl", "trace.json", "reference")
_LEFTOVERS = tuple(f".{name}.*" for name in _OURS)  # of a run that was killed while it wrote
_SCHEMA = re.compile(rb'^\s*\{\s*(?:"t"\s*:\s*"header"\s*,\s*)?"schema"\s*:\s*"shapeguard\.')
_TRIAL = ".shapeguard-trial-"
_NOTHING = (".DS_Store", "Thumbs.db", "desktop.ini", f"{_TRIAL}*")  # says nothing about whose folder it is


class OutDir:
    """A folder that was found usable. Writing to it never raises; what it cannot take goes to a temporary folder."""

    def __init__(self, path: Path, earlier: Path | None = None) -> None:
        self.path = path
        self._earlier = earlier
        self._written: list[str] = []
        self._lost = False

    @property
    def shown(self) -> str:
        """The path as a person would type it."""
        return _typed(self.path)

    @property
    def told(self) -> str:
        """Where the report lies, and where the one is that lay there before."""
        moved = f" (the earlier one is in {_typed(self._earlier)})" if self._earlier is not None else ""
        return f"report in {self.shown}{moved}"

    def write(self, name: str, data: bytes) -> Path | None:
        """Write one file, whole or not at all; ``name`` may have folders in it.

        On the first failure one line on stderr says where the report is instead, and what was written before is copied
        there. ``path`` is that place from then on.

        Returns:
            Where the file is; None when no place at all took it.
        """
        if self._lost:
            return None
        try:
            return self._put(name, data)
        except OSError as error:
            return self._elsewhere(name, data, error)

    def _put(self, name: str, data: bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_atomically(file, data)
        except OSError:
            _remove_torn(file)
            raise
        self._written.append(name)
        return file

    def _elsewhere(self, name: str, data: bytes, reason: OSError) -> Path | None:
        refused, earlier = self.path / name, self.path
        why = reason.strerror or str(reason)
        try:
            self.path = Path(tempfile.mkdtemp(prefix="shapeguard-report-"))
            _copy(self._written, earlier, self.path)
            file = self._put(name, data)
        except OSError:
            self._lost = True
            _say(f"{refused} cannot be written ({why}), nor can anything in {tempfile.gettempdir()}")
            return None
        _say(f"{refused} cannot be written ({why}); the report is in {self.path}")
        return file


def prepare_out(path: Path) -> OutDir:
    """Make the output folder ready: create it, or move the report of an earlier run to ``<path>.1``, ``<path>.2``, ….

    Raises:
        OutputError: it is a file, cannot be written, holds something that is not ours, or cannot be cleared.
    """
    folder = Path(os.path.abspath(path))  # the program may change the working directory
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        names = []
    except NotADirectoryError:
        raise OutputError(f"--out: expected a folder, but {_file_in_the_way(folder)} is a file; name another") from None
    except OSError as error:
        raise _unusable(path, error) from None
    names = [name for name in names if not _matches(name, _NOTHING)]
    aside = _rotate(path, folder, names) if names else None
    _try_to_write(path, folder)
    return OutDir(folder, aside)


def _typed(path: Path) -> str:
    try:
        relative = os.path.relpath(path)
    except FileNotFoundError:  # the program's working directory, gone by now
        return str(path)
    return str(path) if relative.startswith("..") else relative


def _rotate(path: Path, folder: Path, names: list[str]) -> Path:
    """Move our files out of the folder, and nothing else; where to.

    The folder itself stays, so it may be the working directory, a mount or a link. What is moved stays on the same
    disk; where that cannot be, we refuse rather than leave the old report on something that goes away.
    """
    foreign = _foreign(folder, names)
    if foreign is not None:
        raise OutputError(f"--out: expected an empty folder or one of ours, but {path} holds {foreign}; name another")
    ours = [name for name in names if _matches(name, _OURS + _LEFTOVERS)]
    moved: list[str] = []
    aside: Path | None = None
    try:
        aside = _next_free(folder)
        for name in ours:
            os.rename(folder / name, aside / name)
            moved.append(name)
    except OSError as error:
        if aside is not None:
            _put_back(moved, aside, folder)
        why = error.strerror or str(error)
        raise OutputError(
            f"--out: {path} holds an earlier report, which cannot be moved aside ({why}); name another folder"
        ) from None
    return aside


def _foreign(folder: Path, names: list[str]) -> str | None:
    """What makes this folder not ours: none of our files is there, or one of them is somebody else's."""
    marks = [name for name in names if name in ("report.json", "recording.jsonl")]
    for name in marks:
        if not _carries_schema(folder / name):
            return f"a {name} that is not shapeguard's"
    return None if marks else names[0]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _carries_schema(file: Path) -> bool:
    """Whether a file begins as ours do; an empty one counts, as a killed run may leave it."""
    try:
        with file.open("rb") as stream:
            head = stream.read(200)
    except OSError:
        return False
    return not head or _SCHEMA.match(head) is not None


def _next_free(folder: Path) -> Path:
    number = 1
    while True:
        aside = folder.parent / f"{folder.name}.{number}"
        try:
            aside.mkdir()  # fails where it exists, so that two runs never get the same
        except FileExistsError:
            number += 1
        else:
            return aside


def _put_back(names: list[str], aside: Path, folder: Path) -> None:
    with contextlib.suppress(OSError):
        for name in names:
            os.rename(aside / name, folder / name)
        aside.rmdir()


def _try_to_write(path: Path, folder: Path) -> None:
    """Write for a trial: permission bits say little (root, read-only disks, /proc, quotas)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=_TRIAL) as trial:
            trial.write(b"trial")
            trial.flush()
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> OutputError:
    why = error.strerror or str(error)
    return OutputError(f"--out: expected a folder that can be written, but {path} cannot ({why}); name another")


def _file_in_the_way(folder: Path) -> Path:
    """The part of a path that should be a folder and is a file."""
    return next((part for part in [*reversed(folder.parents), folder] if part.exists() and not part.is_dir()), folder)


def _copy(names: list[str], source: Path, to: Path) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # then that file stays where it was written
            file = to / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes((source / name).read_bytes())


def _remove_torn(file: Path) -> None:
    for torn in file.parent.glob(f".{file.name}.*"):
        with contextlib.suppress(OSError):
            torn.unlink()


def _say(line: str) -> None:
    with contextlib.suppress(Exception):
        print(f"shapeguard: {line}", file=sys.stderr, flush=True)


def write_recording(folder: OutDir, recording: Recording) -> None:
    """The compact recording in place of the one that grew with the run."""
    folder.write("recording.jsonl", dump_recording(recording))


def write_report(folder: OutDir, report: Report) -> None:
    """The report in its three forms. One that cannot be made is left out with a line on stderr."""
    folder.write("report.json", report.to_json())
    for name, form in (("report.md", "markdown"), ("report.html", "html")):
        try:
            text = FORMATS[form](report)
        except Exception as error:  # the run's answer must not be lost to a renderer
            _say(f"{name} could not be made ({type(error).__name__}: {error}); report.json holds everything")
        else:
            folder.write(name, text.encode())
