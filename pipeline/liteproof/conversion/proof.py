"""The proof that an exported model is what it is called."""

from liteproof.conversion.variants import Interface, Scheme, Variant
from liteproof.errors import ConversionError
from liteproof_edge.errors import ModelError
from liteproof_edge.inspection.findings import FindingKind
from liteproof_edge.inspection.inspect import Inspection, inspect
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.model.affine import Normalisation, Quantization
from liteproof_edge.model.flatbuffer import Model, read_model

AS_THEY_ARE = Quantization(1.0, 0)  # pixels go in as they are: real = 1.0 · (code - 0)
WITH_FLOAT_IO = {Scheme.INT8: Kind.INT8_FLOAT_IO, Scheme.INT16X8: Kind.INT16X8_FLOAT_IO}


def prove(flatbuffer: bytes, variant: Variant, normalisation: Normalisation | None = None) -> None:
    """Prove that a model's tensors are those of its variant, in every graph of the file.

    Args:
        flatbuffer: with the names of its tensors, for what an error says.
        variant: what it is called.
        normalisation: what it takes pixels as; None where it takes them as they are.

    Raises:
        ConversionError: its weights are not in the file, it computes in other numbers than the
            variant says, or it takes pixels otherwise; the tensor or operator is named.
    """
    where = variant.name
    try:
        model = read_model(flatbuffer, where)
        found = inspect(model, len(flatbuffer), where)
    except ModelError as error:
        raise ConversionError(str(error)) from None
    for finding in found.findings:
        if finding.kind is FindingKind.VARIABLE:
            raise ConversionError(
                f"{where}: operator {finding.what} ({finding.layer}) is left: the weights are not "
                "in the file"
            )
    expected = _expected(variant)
    if found.kind is not expected:
        raise ConversionError(
            f"{where}: it is {found.kind.value}, expected {expected.value}: "
            f"{found.why}{_left_in_float(found)}"
        )
    _check_ends(model, variant, normalisation)


def _left_in_float(found: Inspection) -> str:
    """Name the layers that a model which should compute in integers has in float, if it has."""
    floats = [each for each in found.findings if each.kind is FindingKind.NOT_INTEGER]
    layers = dict.fromkeys(each.layer.partition("/")[0] for each in floats if each.layer)
    if not layers:
        return ""
    several = len(layers) > 1
    return (
        f"; layer{'s' if several else ''} {', '.join(layers)} {'have' if several else 'has'} no "
        "integer form: `export --gate POINTS` leaves such layers in float32"
    )


def _expected(variant: Variant) -> Kind:
    if variant.io is Interface.FLOAT32 and variant.scheme in WITH_FLOAT_IO:
        return WITH_FLOAT_IO[variant.scheme]
    return Kind(variant.scheme.value)


def _check_ends(model: Model, variant: Variant, normalisation: Normalisation | None) -> None:
    """Hold a model to one input and one output of its interface."""
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConversionError(
            f"{variant.name}: {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, "
            "expected one of each"
        )
    for end, index in (("input", graph.inputs[0]), ("output", graph.outputs[0])):
        dtype = graph.tensors[index].dtype
        if dtype != variant.io.value:
            raise ConversionError(
                f"{variant.name}: the {end} is {dtype}, expected {variant.io.value}"
            )
    if variant.io is Interface.UINT8 and normalisation is None:
        pixels = graph.tensors[graph.inputs[0]]
        parameters = (
            Quantization(pixels.scales[0], pixels.zero_points[0]) if pixels.scales else None
        )
        if parameters != AS_THEY_ARE:
            raise ConversionError(
                f"{variant.name}: the input is uint8 with {parameters}, expected {AS_THEY_ARE}, so "
                "that pixels go in as they are"
            )
