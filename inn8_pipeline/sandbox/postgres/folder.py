"""The folder of the embedded Postgres as the system sees it: locks, handles, owners, and where its socket fits.

Nothing here knows Postgres beyond the length of a socket's path.
"""

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

# 104 on macOS and 108 on Linux, with a zero byte at the end; Postgres appends "/.s.PGSQL.5432.lock".
SOCKET_FOLDER_BYTES = 103 - len("/.s.PGSQL.5432.lock")
SYSTEM_USER = "pgserver"


class FolderLock:
    """One at a time may start, stop or create; the kernel frees the lock of a killed process."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """Remember the folder; the lock is taken by `with`, which waits at most `seconds`."""
        self._folder, self._seconds = folder, seconds
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock."""
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
        """Free the lock."""
        os.close(self._file)


class Handle:
    """Says "I use this folder" for as long as this process lives: a shared lock, so nothing is left by a kill."""

    def __init__(self, folder: Path) -> None:
        """Open the file of handles; nobody sees this one before `share`."""
        self._file = os.open(folder / ".handles", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        """Count as a user of the folder."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Tell whether nobody else uses the folder. To be asked under the folder's lock."""
        return _try_lock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Count no longer."""
        os.close(self._file)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def system_user() -> str | None:
    """Return the user that Postgres runs as: None is this one; root, whom Postgres refuses, lends it `pgserver`."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        # Another process may have made it meanwhile, hence no check here but the look-up below.
        command = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/bin/false", SYSTEM_USER]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
        pwd.getpwnam(SYSTEM_USER)
    return SYSTEM_USER


def private_folder(folder: Path, owner: str | None = None) -> None:
    """Make `folder`, for nobody but its owner. For root, Postgres' user may pass through its parents, not read them."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if owner is not None:
        user = pwd.getpwnam(owner)
        os.chown(folder, user.pw_uid, user.pw_gid)
    if os.geteuid() == 0:
        let_through(folder / "any" if owner is None else folder)


def let_through(path: Path) -> None:
    """Let everyone pass through the parents of `path`, who may not read them by that. Only root has to."""
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _can_hold_a_socket(folder: Path) -> bool:
    # The address passes through a shell, a list with commas and a URL: plain characters only.
    return len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES and re.fullmatch(r"[\w./-]+", str(folder)) is not None


def socket_folder(folder: Path, owner: str | None) -> Path:
    """Return a folder of ours that is short enough for a socket: within `folder`, or else in a temporary one."""
    name = f"inn8-{hashlib.sha256(f'{folder}-{folder.stat().st_ino}'.encode()).hexdigest()[:12]}"
    candidates = [folder / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name]  # noqa: S108
    sockets = next(path for path in candidates if _can_hold_a_socket(path))
    private_folder(sockets, owner)
    # The temporary folder belongs to everyone, so somebody else may have been there before us.
    found, wanted = sockets.lstat(), pwd.getpwnam(owner).pw_uid if owner else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != wanted or stat.S_IMODE(found.st_mode) & 0o077:
        raise ForeignFolderError(sockets)
    return sockets


def remove_socket_folder(sockets: Path, folder: Path) -> None:
    """Leave nothing in the temporary folder; what a killed server left there stays for its next start."""
    if sockets.parent != folder and not any(sockets.iterdir()):
        sockets.rmdir()
