"""Which devices and machines share a training, as TensorFlow's distribution strategies."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from liteproof.errors import DeviceError
from liteproof.tensorflow_setup import Device, import_tensorflow, quiet


class Strategy(Enum):
    """How a training is distributed."""

    NONE = "none"  # one device does it all
    MIRRORED = "mirrored"  # several devices of this machine, a share of each batch each
    MULTIWORKER = "multiworker"  # the devices of several machines


@dataclass(frozen=True, slots=True)
class Layout:
    """The devices and machines of a training, and which one of them this is.

    Attributes:
        strategy: how they share it.
        devices: how many each machine has.
        workers: host:port of every machine; none where there is only one.
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


def make_strategy(device: Device, layout: Layout = ALONE) -> Any:  # noqa: ANN401
    """Import TensorFlow and return the strategy to train with.

    Several devices can only be set up before TensorFlow has computed anything. Without a GPU they
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
        made = _make("gpu" if gpus else "cpu", layout)
    import_tensorflow()
    return made


def _make(kind: str, layout: Layout) -> Any:  # noqa: ANN401
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
