"""The API is what its document says: schemathesis makes requests of it, good and bad."""

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from liteproof_edge.serving.application import Service, application
from liteproof_edge.serving.metrics import Metrics
from liteproof_edge.serving.models import ModelSlot
from liteproof_edge.serving.openapi import document

WORD = "word"
OPERATIONS = [  # what takes nothing can be given nothing wrong
    (path, method, mode)
    for path, methods in document()["paths"].items()
    for method in methods
    for mode in GenerationMode
    if method == "post" or mode is GenerationMode.POSITIVE
]
AUTHORIZATION = {"Authorization": f"Bearer {WORD}"}


class Immediate:
    """A lane that has no thread, as schemathesis gives each request a loop of its own."""

    inside = 0

    async def run(self, work):
        return work()


@pytest.fixture(scope="module")
def schema(released, model):
    metrics = Metrics(lambda: 0)
    slot = ModelSlot(released, lambda _: model, metrics.reload)
    service = Service(slot, Immediate(), Immediate(), metrics, lambda: False)
    app = application(service, WORD)
    return schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=AUTHORIZATION)


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_response_is_one_that_the_document_describes(schema, path, method, mode):
    operation = schema[path][method]

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def check(case):
        # A schema cannot say which bytes are a picture, and a form has nothing but strings: a
        # number among several pictures is one that fails in an answer of its own.
        excluded = [positive_data_acceptance]
        negative = [where for where, part in case.meta.components.items() if part.mode.is_negative]
        if negative == [ParameterLocation.BODY]:
            excluded.append(negative_data_rejection)
        case.call_and_validate(headers=AUTHORIZATION, excluded_checks=excluded)

    check()


def test_document_describes_every_path_that_answers_programs():
    assert set(document()["paths"]) == {
        "/v1/classify",
        "/v1/model",
        "/healthz",
        "/readyz",
        "/metrics",
    }
