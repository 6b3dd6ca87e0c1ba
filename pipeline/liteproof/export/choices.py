"""What holds for all variants of one export."""

from dataclasses import dataclass

from liteproof.compatibility.assessment import require
from liteproof.compatibility.facts import Target
from liteproof.conversion.variants import Variant
from liteproof_edge.model.flatbuffer import read_model


@dataclass(frozen=True, slots=True)
class Choices:
    """What holds for all variants of an export.

    Attributes:
        strip: leave out the names inside the graph.
        targets: the runtimes that must be able to run the result.
    """

    strip: bool = True
    targets: tuple[Target, ...] = ()

    def check(self, flatbuffer: bytes, variant: Variant) -> None:
        """Check that the targets can run a model.

        Raises:
            CompatibilityError: one cannot run it.
        """
        model = read_model(flatbuffer)
        for target in self.targets:
            require(model, target, variant.name)
