"""Where the computing is done: the one place that knows of devices and threads."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from liteproof.errors import DeviceError


class Device(Enum):
    """What to train on; `auto` takes a GPU if there is one."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Strategy(Enum):
    """How a training is shared out."""

    NONE = "none"  # one device does it all
    MIRRORED = "mirrored"  # several devices of this machine, a share of each batch each
    MULTIWORKER = "multiworker"  # the devices of several machines


@dataclass(frozen=True, slots=True)
class Layout:
    """The devices and machines of a training, and which one of them this is.

    Attributes:
        strategy: how they share it.
        devices: how many each machine has.
        workers: host:port of every machine; none where there is but one.
        index: of this machine; that of the chief is 0.
        timeout_seconds: how long to wait for the others.
    """

    strategy: Strategy = Strategy.NONE
    devices: int = 1
    workers: tuple[str, ...] = ()
    index: int = 0
    timeout_seconds: float = 60.0

    @property
    def replicas(self) -> int:
        """How many devices take a share of each batch."""
        return self.devices * max(1, len(self.workers))

    def __str__(self) -> str:
        return f"worker {self.index} of {len(self.workers)}"


ALONE = Layout()


def host_and_port(worker: str) -> tuple[str, int]:
    """Divide host:port; the host of an IPv6 address stands in brackets.

    Raises:
        ValueError: it is none.
    """
    host, _, port = worker.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_ambiguous = ":" in bare and bare == host
    if not bare or is_ambiguous or not port.isascii() or not port.isdigit():
        raise ValueError(f"{worker!r}: expected host:port")
    if any(sign.isspace() or sign in "/,@" for sign in bare) or not 1 <= int(port) < 2**16:
        raise ValueError(f"{worker!r}: expected host:port, with a port of 1 to 65535")
    return bare, int(port)


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
    """Import TensorFlow without what it says of this machine, and return it."""
    with quiet():
        import tensorflow as tf  # noqa: PLC0415 - takes seconds

        tf.constant(0)  # what starts with the first operation is said with it
    return tf


def _count_gpus(device: Device) -> int:
    with quiet():
        import tensorflow as tf  # noqa: PLC0415 - takes seconds

        return 0 if device is Device.CPU else len(tf.config.list_physical_devices("GPU"))


def all_gpus(device: Device) -> int:
    """Import TensorFlow and return how many GPUs there are.

    Raises:
        DeviceError: there is none.
    """
    gpus = _count_gpus(device)
    if not gpus:
        raise DeviceError(
            "--strategy mirrored: TensorFlow sees no GPU; --devices 2 tries it on this processor, "
            "divided in two"
        )
    return gpus


def strategy(device: Device, layout: Layout = ALONE) -> Any:  # noqa: ANN401
    """Import TensorFlow and return the strategy to train with.

    Several devices are only to be had before TensorFlow has computed anything. Without a GPU they
    are parts of the processor: slower than it is as a whole, but the same code.

    Raises:
        DeviceError: TensorFlow sees too few GPUs, or cannot connect the machines.
    """
    gpus = _count_gpus(device)
    if device is Device.GPU and not gpus:
        raise DeviceError("--device gpu: TensorFlow sees no GPU; expected one, or --device cpu")
    if gpus and gpus < layout.devices:
        raise DeviceError(f"--devices {layout.devices}: TensorFlow sees {gpus} GPUs")
    if not gpus and layout.devices > 1 and layout.strategy is Strategy.MULTIWORKER:
        raise DeviceError(f"--devices {layout.devices} on each machine: TensorFlow sees no GPU")
    with quiet():
        made = _strategy("gpu" if gpus else "cpu", layout)
    import_tensorflow()
    return made


def _strategy(kind: str, layout: Layout) -> Any:  # noqa: ANN401
    import tensorflow as tf  # noqa: PLC0415 - takes seconds

    physical = tf.config.list_physical_devices(kind.upper())
    if layout.strategy is Strategy.NONE:
        return tf.distribute.OneDeviceStrategy(f"/{kind}:0")
    if layout.strategy is Strategy.MIRRORED:
        if kind == "cpu" and layout.devices > 1:
            parts = [tf.config.LogicalDeviceConfiguration() for _ in range(layout.devices)]
            tf.config.set_logical_device_configuration(physical[0], parts)
        return tf.distribute.MirroredStrategy([f"/{kind}:{i}" for i in range(layout.devices)])
    gpus = {"GPU": layout.devices} if kind == "gpu" else {}
    if gpus:
        tf.config.set_visible_devices(physical[: layout.devices], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(layout.workers)}),
        task_type="worker",
        task_id=layout.index,
        num_accelerators=gpus,
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.OpError as error:
        raise DeviceError(f"{layout}: cannot connect: {str(error).splitlines()[0]}") from None


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
