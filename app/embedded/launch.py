"""Becomes a child of the supervisor: dies with its parent, never runs as root where it must not, then execs.

Run as a script in an isolated interpreter (`python -I -S launch.py …`), so it imports nothing of the product
and costs a few milliseconds. Between fork and exec there is no safe place for Python code; here there is.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_CLONE_NEWUSER = 0x10000000
_UNPRIVILEGED = 65534
TERMINATE = signal.SIGTERM


def command(argv: list[str], *, on_parent_death: signal.Signals, unprivileged: bool = False) -> list[str]:
    """The argv that runs `argv` tied to the life of this process. `unprivileged` matters to root alone."""
    options = [str(int(on_parent_death)), str(os.getpid()), "unprivileged" if unprivileged else "as-is"]
    return [sys.executable, "-I", "-S", str(Path(__file__)), *options, *argv]


def namespaces_allowed() -> bool:
    """Whether root may hide behind a user namespace here; containers often forbid it."""
    pid = os.fork()
    if pid == 0:
        try:
            _enter_user_namespace(ctypes.CDLL(None, use_errno=True))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def give_away(*paths: Path) -> None:
    """Let the unprivileged child own `paths`, where it cannot stay the owner behind a namespace."""
    if os.geteuid() == 0 and not namespaces_allowed():
        for path in paths:
            os.chown(path, _UNPRIVILEGED, _UNPRIVILEGED)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Show this root process to itself as user 1000, so that PostgreSQL runs; files stay owned by root."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")


def _leave_root(libc: ctypes.CDLL) -> None:
    try:
        _enter_user_namespace(libc)
    except OSError:
        _become_nobody(libc)


def _become_nobody(libc: ctypes.CDLL) -> None:
    """Drop to an unprivileged user, keeping the right to pass closed folders (as `/root`) on the way to its files."""
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(_UNPRIVILEGED, _UNPRIVILEGED, _UNPRIVILEGED)
    os.setresuid(_UNPRIVILEGED, _UNPRIVILEGED, _UNPRIVILEGED)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    right = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; then the same three for capabilities above 31
    libc.capset(header, (ctypes.c_uint32 * 6)(right, right, right, 0, 0, 0))
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _main(death_signal: int, parent: int, user: str, argv: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if user == "unprivileged" and os.geteuid() == 0:
        _leave_root(libc)
    if sys.platform == "linux":
        # After the change of user: the kernel forgets the wish when credentials change.
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
