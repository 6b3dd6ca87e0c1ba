"""One deploy at a time: a lock that names its holder, and that no dead holder keeps."""

import fcntl
from pathlib import Path
from typing import IO

from liteproof_edge.board.errors import BoardError

MAX_HOLDER_BYTES = 200


def acquire(path: Path, holder: str) -> IO[str]:
    """Take the lock; the system lets go of it when the file is closed or this process ends.

    Raises:
        BoardError: somebody else has it; the message says who.
    """
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        other = file.read(MAX_HOLDER_BYTES).strip() or "somebody"
        file.close()
        raise BoardError(f"another deploy is at work: {other}") from None
    file.truncate(0)
    file.write(holder[:MAX_HOLDER_BYTES])
    file.flush()
    return file
