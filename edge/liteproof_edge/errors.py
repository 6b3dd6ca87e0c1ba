"""Every error that liteproof raises on purpose.

    LiteproofError
    ├── DataError                 exit 3   pictures or labels
    │   ├── PictureError                   a file is not a picture that can be used
    │   └── DatasetError                   labelled data is missing, damaged or of the wrong shape
    ├── BundleError               exit 4   a bundle is missing, damaged, untrusted or incompatible
    │   └── ModelError                     its flatbuffer is damaged, or not what the manifest says
    ├── GateError                 exit 6   something was measured and is not good enough
    │   └── VerificationError              this device does not answer as the host did
    ├── RuntimeMissingError       exit 7   no runtime here can run a model
    ├── ResourceError             exit 7   a package, an address or a camera is not available
    └── OutputError               exit 8   a file cannot be written

A message is one line: where (path, tensor or key), what is wrong, what was expected.
"""


class LiteproofError(Exception):
    """The root; commands exit with its `exit_code`."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message on one printable line, whatever bytes a path in it holds."""
        return one_line(super().__str__())


class DataError(LiteproofError):
    """Pictures or labels cannot be used."""

    exit_code = 3


class PictureError(DataError):
    """A file is not a picture that can be used."""


class DatasetError(DataError):
    """Labelled data is missing, damaged or of the wrong shape."""


class BundleError(LiteproofError):
    """A bundle is missing, damaged, untrusted or incompatible."""

    exit_code = 4


class ModelError(BundleError):
    """A flatbuffer is damaged, or is not the model that the manifest describes."""


class GateError(LiteproofError):
    """A measured value is not good enough."""

    exit_code = 6


class VerificationError(GateError):
    """This device does not answer as the host did."""


class RuntimeMissingError(LiteproofError):
    """No runtime that is installed here can run a model."""

    exit_code = 7


class ResourceError(LiteproofError):
    """A package, an address or a camera that a command needs is not available."""

    exit_code = 7


class OutputError(LiteproofError):
    """A file cannot be written."""

    exit_code = 8


def one_line(text: str) -> str:
    """Return `text` with every unprintable character (line breaks, lone surrogates) escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
