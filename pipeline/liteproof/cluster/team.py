"""What trains together: one device, several of one machine, or several machines."""

import math
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.cluster.rendezvous import Identity, meet
from liteproof.cluster.strategy import Layout, make_strategy
from liteproof.errors import DeviceError
from liteproof.progress import say
from liteproof.tensorflow_setup import Device, quiet

LENGTH_BYTES = 8


class Team:
    """A layout's machines, connected as soon as there is something to train.

    Attributes:
        layout: which they are, and which one this is.
        strategy: TensorFlow's, to which all computing is given; there once they are connected.
    """

    def __init__(self, layout: Layout, device: Device) -> None:
        self.layout, self.device = layout, device
        self.strategy: Any = None

    @property
    def is_chief(self) -> bool:
        """Whether this machine is the one that writes what is trained."""
        return self.layout.index == 0

    @property
    def is_connected(self) -> bool:
        """Whether the others can be asked."""
        return self.strategy is not None

    def connect(self, identity: Identity) -> None:
        """Meet the other machines, if there are any, and make TensorFlow's strategy.

        Raises:
            DeviceError: a machine or a device is not there.
            RunError: a machine is about to train something else.
        """
        if self.is_connected:
            return
        with quiet():
            import tensorflow  # noqa: ICN001, F401, PLC0415 - takes seconds: not after having met
        if not self._has_others():
            self.strategy = make_strategy(self.device, self.layout)
            return
        say(f"{self.layout}: waiting for the others")
        meet(self.layout, identity)
        say(f"{self.layout}: connecting, within {self.layout.timeout_seconds:g} s")
        with _mortal(self.layout.timeout_seconds):
            self.strategy = make_strategy(self.device, self.layout)

    def from_chief(self, data: bytes) -> bytes:
        """Return the chief's bytes on every machine; all must call this at the same point."""
        if not self._has_others():
            return data
        header = self._first(np.frombuffer(len(data).to_bytes(LENGTH_BYTES, "big"), np.uint8))
        length = int.from_bytes(header.tobytes(), "big")
        mine = np.frombuffer(data, np.uint8) if self.is_chief else np.zeros(length, np.uint8)
        return self._first(mine).tobytes()

    def share(self, variables: Sequence[Any]) -> None:
        """Give the chief's values of TensorFlow variables to all machines, bit for bit."""
        if not self._has_others():
            return
        own = b"".join(variable.numpy().tobytes() for variable in variables)
        data, start = self.from_chief(own), 0
        for variable in variables:
            before = variable.numpy()
            value = np.frombuffer(data, before.dtype, before.size, start).reshape(before.shape)
            variable.assign(value)
            start += value.nbytes

    @contextmanager
    def together(self) -> Iterator[None]:
        """Turn the loss of another machine into a DeviceError."""
        import tensorflow as tf  # noqa: PLC0415 - whoever trains has imported it already

        try:
            yield
        except tf.errors.OpError as error:
            if not self._has_others() or isinstance(error, tf.errors.ResourceExhaustedError):
                raise
            raise DeviceError(
                f"{self._lost(str(error))}; start all of them again with --resume"
            ) from None

    def _has_others(self) -> bool:
        return len(self.layout.workers) > 1

    def _first(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the bytes that the chief's first device has, whatever the others have."""
        import tensorflow as tf  # noqa: PLC0415 - whoever trains has imported it already

        # As float32, which every device can add; whole numbers to 255 are exact.
        summed = self._add(tf.constant(values.astype(np.float32)))
        return np.asarray(self.strategy.experimental_local_results(summed)[0], np.uint8)

    @cached_property
    def _add(self) -> Any:  # noqa: ANN401
        import tensorflow as tf  # noqa: PLC0415 - whoever trains has imported it already

        def add(numbers: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            own = tf.where(context.replica_id_in_sync_group == 0, numbers, 0.0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        def add_all(numbers: tf.Tensor) -> Any:  # noqa: ANN401
            return self.strategy.run(add, (numbers,))

        return tf.function(add_all, [tf.TensorSpec([None])], autograph=False)

    def _lost(self, message: str) -> str:
        lost = re.search(r"/task:(\d+)", message)
        if lost and int(lost[1]) < len(self.layout.workers):
            return f"worker {lost[1]} ({self.layout.workers[int(lost[1])]}) is gone"
        return "another worker is gone"


@contextmanager
def _mortal(seconds: float) -> Iterator[None]:
    """Let this process end while TensorFlow connects, when it ignores signals.

    It holds the interpreter's lock, puts a handler of its own in SIGTERM's place, and waits for
    ever where a machine dies after the meeting: only the kernel's alarm ends that.
    """
    asking = {signal.SIGTERM, signal.SIGINT}
    before = signal.getsignal(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, asking)  # they are kept until TensorFlow is done
    signal.alarm(math.ceil(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, asking)
