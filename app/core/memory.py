"""The garbage collector of a process that has loaded much and then serves for long."""

import gc
from typing import Final

_YOUNG: Final = 20_000


def settle() -> None:
    """Take what is loaded now out of the collector's sight: it stays for as long as the process does.

    A worker holds some 400,000 objects of its libraries; to look through them at every full collection took a fifth of
    its time and stopped all of its runs meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
