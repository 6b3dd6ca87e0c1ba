import asyncio

import httpx
import pytest

from liteproof_edge.serving.application import Service, application
from liteproof_edge.serving.lane import Lane
from liteproof_edge.serving.metrics import Metrics
from liteproof_edge.serving.models import ModelSlot, load_model


@pytest.fixture(scope="session")
def model(released):
    return load_model(released, None, 1)


@pytest.fixture
def converse(released, model):
    """Run an async function that is given a client and the service, and return what it returns."""

    def run(conversation, *, token=None, capacity=8, stopping=False, raising=True):
        async def main():
            loop = asyncio.get_running_loop()
            quick, slow = (Lane(name, capacity, 10.0, loop) for name in ("quick", "slow"))
            metrics = Metrics(lambda: quick.inside + slow.inside)
            slot = ModelSlot(released, lambda _: model, metrics.reload)
            service = Service(slot, quick, slow, metrics, lambda: stopping)
            transport = httpx.ASGITransport(application(service, token), raising)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost:8000"
            ) as client:
                try:
                    return await conversation(client, service)
                finally:
                    quick.close()
                    slow.close()

        return asyncio.run(main())

    return run


@pytest.fixture
def ask(converse):
    """Send one request, and return the response."""

    def run(method, path, *, token=None, stopping=False, raising=True, **request):
        return converse(
            lambda client, _: client.request(method, path, **request),
            token=token,
            stopping=stopping,
            raising=raising,
        )

    return run


@pytest.fixture
def classify(ask):
    def run(content, query="", **request):
        return ask("POST", f"/v1/classify{query}", content=content, **request)

    return run
