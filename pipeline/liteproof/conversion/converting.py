"""TensorFlow's converter: kept quiet, and what it says made into one line."""

import contextlib
import io
import re
from collections.abc import Iterator

from liteproof.errors import ConversionError
from liteproof.tensorflow_setup import quiet
from liteproof_edge.errors import LiteproofError

# What it lists where TFLite has no operator for a layer.
MISSING = re.compile(r"(?:Flex|Custom|TF Select) ops: ([^\n]+)")
LONGEST_REASON = 300  # characters


@contextlib.contextmanager
def converting(where: str) -> Iterator[None]:
    """Say in one line why a conversion failed, in place of pages of compiler's locations.

    Raises:
        ConversionError: TensorFlow cannot convert it.
    """
    failure: Exception | None = None
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        try:
            yield
        except LiteproofError:
            raise
        except Exception as error:  # noqa: BLE001 - the converter raises bare Exception
            failure = error
    if failure:
        missing = MISSING.search(str(failure))
        reason = f"TFLite has no operator for {missing[1].strip()}" if missing else str(failure)
        line = " ".join(reason.split())[:LONGEST_REASON]
        raise ConversionError(f"{where}: cannot be converted: {line}")
