"""TensorFlow on this machine: its environment before import, and a quiet import."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any


class Device(Enum):
    """What to train on; `auto` takes a GPU if there is one."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


def available_cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare(device: Device, threads: int) -> None:
    """Set what TensorFlow reads from the environment; to be called before it is imported.

    Training repeats bit for bit only at the same number of threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    if device is Device.CPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def import_tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    """Import TensorFlow without its messages about this machine, and return it."""
    with quiet():
        import tensorflow as tf  # noqa: PLC0415 - takes seconds

        tf.constant(0)  # what starts with the first operation is said with it
    return tf


@contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow's native chatter off standard error, unless the block fails."""
    with tempfile.TemporaryFile() as log:
        standard_error = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:
            log.seek(0)
            os.write(standard_error, log.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
