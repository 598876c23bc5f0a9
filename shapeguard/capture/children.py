"""Children of a guarded process: each writes ``recording-<pid>.jsonl`` beside its parent's recording.

A forked child goes on with what its parent had seen until then, so a size is followed back across the fork. A spawned
child begins anew. When the run ends the parent reads what its children wrote.
"""

from __future__ import annotations

import atexit
import contextlib
import linecache
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from shapeguard.capture import chains, session
from shapeguard.capture.child_file import ChildFile
from shapeguard.capture.recorder import Recorder
from shapeguard.capture.state import recorders
from shapeguard.errors import FormatError
from shapeguard.values.findings import Outcome
from shapeguard.values.recording import Failure, Header, Recording, Source
from shapeguard.values.store import children_beside, parse_recording

MAX_JOINED = 64  # recordings of children that the parent reads, those with a failure first
_MAX_DESCRIBED = 8  # failures described in one child: a worker may hand over one for every sample


class Settings(msgspec.Struct):
    """How a child is watched: as its parent is. Sent to spawned children as JSON."""

    level: str
    groups: tuple[str, ...]
    source: bool
    user_code: tuple[str, ...]
    argv: tuple[str, ...]


class Children:
    """What one capture has to do with processes: the folder for its children, and, in a child, the child's own file."""

    def __init__(
        self,
        recorder: Recorder,
        header: Header,
        settings: Settings,
        folder: Path | None,
        describe: Callable[[BaseException], None],
        begin_anew: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._header = header
        self.settings = settings
        self._folder = folder
        self._temporary = folder is None
        self._describe = describe
        self._begin_anew = begin_anew  # in a forked child: let go of what is the parent's
        self._described = 0
        self._pid = os.getpid()
        self._born = time.monotonic()
        self._file: ChildFile | None = None

    # -- in the parent ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """See to it that children are guarded from now on."""
        from shapeguard.capture.children_hooks import acquire

        opened.append(self)
        acquire(self, self._recorder.note)

    def close(self) -> None:
        """Let later children go unguarded."""
        from shapeguard.capture.children_hooks import release

        release(self)
        if self in opened:
            opened.remove(self)

    @property
    def watches_this_thread(self) -> bool:
        """Whether a child that this thread starts is to be guarded."""
        return self._recorder in recorders()

    def folder(self) -> Path:
        """Where the children write; a temporary folder where the run itself writes nothing."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="shapeguard-children-"))
            atexit.register(self._remove_temporary)  # where nobody asks for the children
        return self._folder

    def joined(self) -> list[Recording]:
        """The recordings that the children wrote. Called once, after the run."""
        if self._folder is None or self.in_child:
            return []
        try:
            return _read(self._folder, self.settings.source)
        finally:
            self._remove_temporary()

    def _remove_temporary(self) -> None:
        atexit.unregister(self._remove_temporary)
        if self._temporary and self._folder is not None and not self.in_child:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # -- in a child ------------------------------------------------------------------------------------------------

    @property
    def in_child(self) -> bool:
        """Whether this process is a child that writes for itself."""
        return self._file is not None or os.getpid() != self._pid

    def become_child(self, folder: Path, inherited: int = 0) -> None:
        """This process writes a file of its own from here on; ``inherited`` rows come from its parent."""
        self._folder, self._temporary = folder, False
        self._described = 0
        header = msgspec.structs.replace(self._header, parent=os.getppid(), inherited=inherited)
        self._file = ChildFile(folder, header, self._recorder)
        self._recorder.on_tick = self._file.tick

    def forked(self) -> None:
        """First thing in a forked child: its parent's locks may be held by threads that are not here."""
        reset_lock(self._recorder._lock)
        self._recorder.on_tick = None
        self._begin_anew()
        if self.watches_this_thread and self._folder is not None:
            self.become_child(self._folder, inherited=len(self._recorder.segments))

    def noticed(self, error: BaseException) -> None:
        """An exception is about to be sent to the parent as text, or to end this child."""
        if self._file is None or self._described >= _MAX_DESCRIBED:
            return
        self._described += 1
        self._describe(error)

    def failed(self, failure: Failure) -> None:
        """Write down a failure at once: a child may be ended hard right after."""
        if self._file is not None:
            self._file.add_failure(failure, _sources_of(failure) if self.settings.source else ())

    def flush(self) -> None:
        """Write what is known now: what comes next may abort the process."""
        if self._file is not None:
            self._file.flush()

    def finish(self, outcome: Outcome) -> None:
        """The child is at its end."""
        if self._file is not None:
            self._file.close(outcome, time.monotonic() - self._born)


opened: list[Children] = []


def before_fork() -> None:
    """In the parent: a forked child needs to know where to write."""
    for children in opened:
        if children.watches_this_thread:
            with contextlib.suppress(OSError):
                children.folder()


def after_fork_in_child() -> None:
    """In a forked child, before any of the program's code."""
    reset_lock(chains._lock)
    reset_lock(session._lock)
    for children in opened:
        try:
            children.forked()
        except Exception as trouble:
            children._recorder.note(f"the child is not recorded: {type(trouble).__name__}: {trouble}")


def reset_lock(lock: object) -> None:
    """Make a lock new that another thread may have held when the process was forked, as ``threading`` does its own."""
    getattr(lock, "_at_fork_reinit", lambda: None)()


def notice(error: BaseException) -> None:
    """Tell every open capture of an exception that leaves this child."""
    for children in opened:
        children.noticed(error)


def finish(outcome: Outcome) -> None:
    """This process, a child, has done its work."""
    for children in opened:
        children.finish(outcome)


def flush() -> None:
    """Have everything on disk that a child knows."""
    for children in opened:
        children.flush()


def _read(folder: Path, source: bool) -> list[Recording]:
    found = []
    for path in children_beside(folder / "recording.jsonl"):
        with contextlib.suppress(OSError, FormatError):
            recording = parse_recording(path.read_bytes(), path.name)
            if source:
                _add_sources(path, recording)
            found.append(recording)
    found.sort(key=lambda child: not child.failures)
    return found[:MAX_JOINED]


def _add_sources(path: Path, recording: Recording) -> None:
    """Give a child's recording the text of the user's files that it does not have yet, in its file too."""
    files = dict.fromkeys(site.file for site in recording.sites if site.file not in recording.sources)
    texts = [Source(file, text) for file in files if (text := "".join(linecache.getlines(file)))]
    if not texts:
        return
    recording.sources.update({source.file: source.text for source in texts})
    with contextlib.suppress(OSError), path.open("rb+") as file:
        if file.read().endswith(b"\n"):  # else it was torn when the child was killed
            file.write(msgspec.json.Encoder().encode_lines(texts))


def _sources_of(failure: Failure) -> Iterable[Source]:
    files = dict.fromkeys(frame.file for frame in failure.frames if frame.user)
    return [Source(file, "".join(linecache.getlines(file))) for file in files if linecache.getlines(file)]


def spawn_options() -> list[tuple[str, str]]:
    """(folder, settings) of every capture that watches the thread which is about to start a process."""
    told = []
    for children in opened:
        if children.watches_this_thread:
            told.append((str(children.folder()), msgspec.json.encode(children.settings).decode()))
    return told
