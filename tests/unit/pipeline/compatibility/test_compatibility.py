import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import tomllib

from liteproof.compatibility.assessment import assess, assess_all, problems, require, runs_on
from liteproof.compatibility.facts import Target, facts
from liteproof.errors import CompatibilityError
from liteproof.tensorflow_setup import quiet
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import LAST_PYTHON_OF_TFLITE_RUNTIME, WHEELS, Runtime
from measure_operators import (
    BUILTIN_OPERATORS,
    MISSING,
    TENSOR_TYPES,
    agrees,
    attempt,
    kernels_that_run,
    probe_model,
)
from small_models import Form, convert

ROOT = Path(__file__).parents[4]
FACTS = ROOT / "pipeline" / "liteproof" / "compatibility" / "facts.toml"
MNIST = ROOT / "models" / "mnist" / "model.tflite"
CUSTOM = BUILTIN_OPERATORS.index("CUSTOM")
TFLITE_RUNTIME, LITERT, MICRO = Target
HERE = [TFLITE_RUNTIME, LITERT]  # tflite-micro needs an environment of its own
EVERY_FORM = [("wide_conv", form) for form in Form if form is not Form.FLEX]
# One model in every form; what 2.14 refuses in one form, beside a form that it runs; common layers.
CASES = [
    *((name, Form.UINT8) for name in ("conv", "depthwise", "dense", "exp")),
    *EVERY_FORM,
    ("erf", Form.FLEX),
    ("div", Form.FLOAT32),
    ("div", Form.INT8),
    ("gelu", Form.INT8),
    ("gelu", Form.INT16X8),
    ("layer_norm", Form.INT8),
    ("layer_norm", Form.INT16X8),
    ("wide_transpose_conv", Form.DYNAMIC_PER_TENSOR),
    ("wide_transpose_conv", Form.INT8),
    ("global_sum", Form.INT16X8),
    ("relu", Form.INT8),
    ("rounded", Form.FLOAT32),
    ("global_pool", Form.INT8),
    ("global_pool", Form.INT16X8),
    ("average_pool", Form.INT8),
    ("wide_depthwise", Form.DYNAMIC),
    ("wide_depthwise", Form.DYNAMIC_PER_TENSOR),
    ("hard_swish", Form.INT8),
    ("softmax", Form.INT8_UINT8_IO),
]
IDS = [f"{name}-{form.value}" for name, form in CASES]


@pytest.fixture(scope="module")
def models():
    wanted = {*CASES, *((name, Form.FLOAT32) for name, _ in CASES)}
    with quiet():
        converted = {key: convert(*key) for key in sorted(wanted, key=str)}
    return {key: model for key, model in converted.items() if model}


@pytest.fixture(scope="module", params=HERE, ids=lambda target: target.value)
def reality(request, models):
    """What a runtime made of each model."""
    outcomes = attempt(request.param.value, sys.executable, models.values(), "run")
    return request.param, dict(zip(models, outcomes, strict=True))


def test_forecast_is_what_happens(models, reality):
    target, outcomes = reality
    wrong = {}
    for (name, form), flatbuffer in models.items():
        outcome = outcomes[name, form]
        happened = outcome.ok and agrees(outcome, outcomes.get((name, Form.FLOAT32), outcome))
        found = problems(read_model(flatbuffer), target)
        if happened is bool(found):
            wrong[name, form] = found or outcome.message

    assert set(CASES) <= set(models)
    assert not wrong


def test_what_was_tried_is_told_from_what_was_not(models, reality):
    target, _ = reality
    assert not any(assess(read_model(model), target).untried for model in models.values())


def test_dynamic_range_with_per_channel_dense_is_refused_for_tflite_runtime(models, reality):
    target, outcomes = reality
    outcome = outcomes["wide_conv", Form.DYNAMIC]
    found = problems(read_model(models["wide_conv", Form.DYNAMIC]), target)

    if target is LITERT:
        assert (outcome.ok, found) == (True, ())
    else:
        assert "'FULLY_CONNECTED' version '12'" in outcome.message
        assert len(found) == 1
        assert found[0].startswith("FULLY_CONNECTED 12 on float32 × int8 per channel: ")
        assert "_experimental_disable_per_channel_quantization_for_dense_layers" in found[0]


def test_dynamic_range_with_per_channel_dense_is_refused_whatever_version_it_states(models):
    model = read_model(models["wide_conv", Form.DYNAMIC])
    graph = model.subgraphs[0]
    older = [one._replace(version=min(one.version, 9)) for one in graph.operators]
    model = model._replace(subgraphs=(graph._replace(operators=tuple(older)),))

    assert problems(model, TFLITE_RUNTIME)[0].startswith("FULLY_CONNECTED 9 on float32 × int8 per")
    assert not problems(model, LITERT)


@pytest.mark.parametrize("target", HERE, ids=lambda target: target.value)
@pytest.mark.parametrize("kernels", ["shipping", "reference"])
def test_highest_versions_are_those_of_the_runtime(target, kernels):
    known = facts().runtimes[target]
    highest = {name: known.operators.get(name, 0) for name in BUILTIN_OPERATORS}
    if kernels == "reference":
        highest |= known.reference
    del highest["CUSTOM"], highest["PLACEHOLDER_FOR_GREATER_OP_CODES"]
    probes = [
        (name, version, version <= last)
        for name, last in highest.items()
        for version in (last or 1, last + 1)
    ]
    models = [probe_model(BUILTIN_OPERATORS.index(name), number) for name, number, _ in probes]
    outcomes = attempt(target.value, sys.executable, models, "load", kernels)
    differs = [
        (name, number)
        for (name, number, expected), outcome in zip(probes, outcomes, strict=True)
        if any(sign in outcome.message for sign in MISSING) is expected
    ]

    assert not differs


@pytest.mark.parametrize("target", HERE, ids=lambda target: target.value)
def test_tensor_types_are_those_of_the_runtime(target):
    probes = [probe_model(0, 1, tensor_type=number) for number in range(len(TENSOR_TYPES))]
    outcomes = attempt(target.value, sys.executable, probes, "load")
    read = {name for name, outcome in zip(TENSOR_TYPES, outcomes, strict=True) if outcome.ok}

    assert read == facts().runtimes[target].types


def test_versions_that_were_measured_are_those_installed():
    for target, distribution in zip(HERE, Runtime, strict=True):
        installed = f"{distribution.value} {version(distribution.value)}"
        assert facts().runtimes[target].measured == installed


def test_what_a_model_refuses_is_laid_at_its_operator_s_door(models, reality):
    target, outcomes = reality
    _, refused, _ = kernels_that_run(models, list(outcomes.values()))
    known = facts().runtimes[target].refused

    assert all(data <= set(known.get(operator, ())) for operator, data in refused.items())
    assert ("DIV" in refused) is (target is TFLITE_RUNTIME)


@pytest.mark.parametrize(
    ("custom", "target", "problem"),
    [
        ("Mine", LITERT, "Mine 1 on int8: a custom operator that LiteRT does not include"),
        (
            "FlexErf",
            LITERT,
            "FlexErf 1 on int8: TensorFlow's own operator, for which LiteRT has no delegate",
        ),
        ("TFLite_Detection_PostProcess", LITERT, None),
        ("Mfcc", TFLITE_RUNTIME, None),
        ("Mfcc", MICRO, "Mfcc 1 on int8: a custom operator that tflite-micro does not include"),
        ("Convolution2DTransposeBias", LITERT, None),
        ("Convolution2DTransposeBias", MICRO, "Convolution2DTransposeBias 1 on int8: a custom "),
        (
            "edgetpu-custom-op",
            LITERT,
            "edgetpu-custom-op 1 on int8: made for a Coral Edge TPU: ask",
        ),
        ("a\nb", LITERT, r"a\nb 1 on int8: a custom operator"),
    ],
)
def test_custom_operators_run_where_they_are_brought_along(custom, target, problem):
    found = problems(read_model(probe_model(CUSTOM, 1, custom=custom)), target)

    assert [one.startswith(problem or "") for one in found] == [True] * bool(problem)


def test_answers_that_are_wrong_are_a_problem(models):
    clipped = read_model(probe_model(BUILTIN_OPERATORS.index("RELU6"), 2))
    summed = read_model(models["global_sum", Form.INT16X8])

    assert problems(clipped, MICRO)[0].startswith("RELU6 2 on int8: its kernel clips and does not")
    assert not problems(clipped, LITERT)
    (found,) = problems(summed, LITERT)
    assert " on int16: LiteRT loads it, and gives wrong answers; take another layer" in found


def test_problem_names_who_can():
    newer = read_model(probe_model(BUILTIN_OPERATORS.index("GATHER"), 8))

    (found,) = problems(newer, TFLITE_RUNTIME)
    assert found == (
        "GATHER 8 on int8: tflite-runtime 2.14 knows it up to version 6; LiteRT and tflite-micro "
        "can, or take another layer or scheme"
    )


def test_operator_that_nobody_has_is_a_problem_of_all():
    model = read_model(probe_model(BUILTIN_OPERATORS.index("STABLEHLO_CBRT"), 1))

    assert [len(one.problems) for one in assess_all(model)] == [1, 1, 1]
    assert runs_on(assess_all(model))[0] == "no runtime known here"
    assert problems(model, MICRO) == (
        "STABLEHLO_CBRT 1 on int8: tflite-micro has no such operator; take another layer or scheme",
    )


def test_tensor_type_that_is_not_read_is_a_problem():
    model = read_model(probe_model(0, 1, tensor_type=TENSOR_TYPES.index("uint4")))

    assert problems(model, LITERT) == ()
    (found,) = problems(model, TFLITE_RUNTIME)
    assert found == (
        "1 of its tensors are uint4, which tflite-runtime 2.14 does not read; "
        "take another layer or scheme"
    )


def test_operator_that_was_never_tried_on_such_data_is_no_promise():
    model = read_model(probe_model(BUILTIN_OPERATORS.index("SIN"), 1))

    assert assess(model, LITERT).problems == ()
    assert assess(model, LITERT).untried == ("SIN 1 on int8",)


def test_reference_kernels_that_lack_an_operator_are_noted():
    model = read_model(probe_model(BUILTIN_OPERATORS.index("ELU"), 1))

    (note,) = assess(model, TFLITE_RUNTIME).notes
    assert note == (
        "ELU 1 on int8: tflite-runtime 2.14's reference kernels lack it, so that `verify` cannot "
        "compare bytes"
    )


def test_per_channel_dense_is_noted_for_tflite_micro():
    model = read_model(MNIST.read_bytes())

    assert runs_on(assess_all(model)) == ("tflite-runtime 2.14, LiteRT, tflite-micro",)
    assert [len(one.notes) for one in assess_all(model)] == [0, 0, 1]
    assert "before May 2024 answer wrongly" in assess(model, MICRO).notes[0]


def test_require_names_the_first_problem_and_counts_the_others(models):
    model = read_model(models["wide_conv", Form.FLOAT16])
    graph = model.subgraphs[0]
    worse = graph._replace(operators=(*graph.operators, graph.operators[-1]._replace(name="GELU")))
    both = model._replace(subgraphs=(worse,))
    with pytest.raises(CompatibilityError) as refused:
        require(both, MICRO, "a.tflite")

    assert refused.value.exit_code == 4
    assert str(refused.value).startswith(
        "a.tflite: tflite-micro cannot run it: DEQUANTIZE 3 on float16 → float32 (6 times): "
        "tflite-micro loads it, and refuses such data when it runs; tflite-runtime 2.14 and LiteRT "
    )
    assert str(refused.value).endswith("(and 1 more: see `liteproof forecast`)")


def test_require_lets_through_what_runs():
    for target in Target:
        require(read_model(MNIST.read_bytes()), target, "mnist")


def test_every_fact_has_its_source():
    table = tomllib.loads(FACTS.read_text())
    stated = [one for group in ("wheels", "systems", "delegated", "traps") for one in table[group]]

    assert all(one["source"] for one in stated)
    assert {*table["names"], *table["measured"], *table["runtimes"]} == {
        target.value for target in Target
    }


def test_device_gives_the_same_advice():
    names = dict(zip(HERE, Runtime, strict=True))
    for target, runtime in names.items():
        wheels = [wheel for wheel in facts().wheels if wheel.runtime is target]
        platforms = {tuple(platform.split()) for wheel in wheels for platform in wheel.platforms}

        assert platforms == WHEELS[runtime]
    last = {wheel.pythons[-1] for wheel in facts().wheels if wheel.runtime is TFLITE_RUNTIME}
    assert last == {".".join(map(str, LAST_PYTHON_OF_TFLITE_RUNTIME))}
