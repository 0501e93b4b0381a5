"""The folder of the embedded Postgres: file locks, ownership, and a path that is short enough for a socket."""

import fcntl
import hashlib
import os
import pwd
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from inn8_pipeline.sandbox.errors import FolderBusyError, ForeignFolderError

# A socket's path has at most 104 bytes on macOS and 108 on Linux, with a zero byte; Postgres appends a file name.
SOCKET_FOLDER_BYTES = 103 - len("/.s.PGSQL.5432.lock")
SYSTEM_USER = "pgserver"


class FolderLock:
    """An exclusive lock for starting, stopping and creating; the kernel releases that of a killed process.

    `with` waits for it for at most `seconds`, and then raises FolderBusyError.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._file = -1

    def __enter__(self) -> Self:
        """Acquire the lock."""
        self._file = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        ends_at = time.monotonic() + self._seconds
        while not _try_lock(self._file, fcntl.LOCK_EX):
            if time.monotonic() > ends_at:
                os.close(self._file)
                raise FolderBusyError(self._folder, self._seconds)
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        os.close(self._file)


class UsageLock:
    """A shared lock held by each user of the folder; the kernel releases that of a killed process."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / ".handles", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> None:
        """Count as a user of the folder."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Return whether nobody else uses the folder. Call it while holding the `FolderLock`."""
        return _try_lock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Stop counting as a user."""
        os.close(self._file)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def system_user() -> str | None:
    """Return the user that Postgres runs as: `pgserver` for root, which Postgres refuses; None for the current user."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        # Another process may create it at the same time, so only the look-up below can fail.
        command = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/bin/false", SYSTEM_USER]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
        pwd.getpwnam(SYSTEM_USER)
    return SYSTEM_USER


def private_folder(folder: Path, owner: str | None = None) -> None:
    """Create `folder`, accessible to its owner only. As root, let the Postgres user traverse its parents."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if owner is not None:
        user = pwd.getpwnam(owner)
        os.chown(folder, user.pw_uid, user.pw_gid)
    if os.geteuid() == 0:
        let_through(folder / "any" if owner is None else folder)


def let_through(path: Path) -> None:
    """Let everyone traverse, but not read, the parents of `path`. Needed only as root."""
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _can_hold_a_socket(folder: Path) -> bool:
    # The path is used in a shell command, a comma-separated list and a URL, so only plain characters are allowed.
    return len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES and re.fullmatch(r"[\w./-]+", str(folder)) is not None


def socket_folder(folder: Path, owner: str | None) -> Path:
    """Create and return a private folder with a path short enough for a socket: in `folder`, or in a temporary one.

    Raises:
        ForeignFolderError: The folder belongs to somebody else.

    """
    name = f"inn8-{hashlib.sha256(f'{folder}-{folder.stat().st_ino}'.encode()).hexdigest()[:12]}"
    candidates = [folder / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name]  # noqa: S108
    sockets = next(path for path in candidates if _can_hold_a_socket(path))
    private_folder(sockets, owner)
    # Everyone may write to the temporary folder, so somebody else may have created ours first.
    found, wanted = sockets.lstat(), pwd.getpwnam(owner).pw_uid if owner else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != wanted or stat.S_IMODE(found.st_mode) & 0o077:
        raise ForeignFolderError(sockets)
    return sockets


def remove_socket_folder(sockets: Path, folder: Path) -> None:
    """Remove a temporary socket folder, unless a killed server left files in it that its next start uses."""
    if sockets.parent != folder and not any(sockets.iterdir()):
        sockets.rmdir()
