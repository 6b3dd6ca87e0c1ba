"""What the API answers, over ASGI: no socket, no server."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.serving import answers, bodies
from liteproof_edge.serving.application import PAGE
from liteproof_edge.serving.limits import MAX_BODY_BYTES, MAX_PICTURES, QUICK_BYTES
from liteproof_edge.serving.problems import Code

PATHS = [*PAGE, "/healthz", "/readyz", "/metrics", "/v1/model"]
MAX_PAGE_BYTES = 60_000
GUARDED = ["/v1/model", "/metrics", "/v1/openapi.json", "/nowhere"]
SOME_CODE = "0" * 64
WORD = "word"


def code(response):
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    return problem["code"]


def form(*named):
    return [("picture", file) for file in named]


def test_picture_s_bytes_get_its_label(classify, golden):
    response = classify(golden.pictures[14])

    (answer,) = response.json()["answers"]
    assert response.status_code == 200
    assert (answer["label"], answer["index"], answer["picture"]) == ("7", 7, None)
    assert answer["probability"] == answer["probabilities"]["7"] > 0.9
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_answer_is_the_classifier_s(classify, classifier, golden):
    for picture in golden.pictures[::4]:
        (answer,) = classify(picture).json()["answers"]
        expected = classifier.classify(picture)

        assert answer["label"] == expected.label
        assert answer["probability"] == pytest.approx(expected.probability, abs=1e-6)
        assert answer["preprocessing"] == json.loads(json.dumps(expected.preprocessing.to_json()))


def test_seen_is_the_model_s_input(classify, golden):
    (answer,) = classify(golden.pictures[3], "?seen=1").json()["answers"]

    seen = answer["seen"]
    pixels = np.frombuffer(base64.b64decode(seen["pixels"]), np.uint8)
    shape = (seen["height"], seen["width"], seen["channels"])
    assert np.array_equal(pixels.reshape(shape), golden.inputs[3])


def test_doubts_are_told(classify, two_digits):
    (answer,) = classify(two_digits.read_bytes()).json()["answers"]

    assert answer["doubts"] == ["several marks"]


def test_each_mark_is_answered_with_its_box(classify, two_digits):
    (answer,) = classify(two_digits.read_bytes(), "?each=1").json()["answers"]

    assert answer["text"] == ["07"]
    assert [mark["label"] for mark in answer["marks"]] == ["0", "7"]
    (_, _, right, _), (left, _, _, _) = (mark["box"] for mark in answer["marks"])
    assert right < 80 < left


@pytest.mark.parametrize(
    ("number", "latency_us", "instant"),
    [(0, 100.0, True), (0, 50_000.0, False), (None, 100.0, False)],
)
def test_only_what_takes_less_time_than_a_thread_is_answered_on_the_spot(
    converse, golden, encoded, number, latency_us, instant
):
    large = encoded(Image.new("L", (200, 200), 255))
    picture = large if number is None else golden.pictures[number]

    async def conversation(client, service):
        model = replace(service.slot.model, latency_us=latency_us)
        service.slot.model, before = model, service.quick.taken
        await client.post("/v1/classify", content=picture)
        return service.quick.taken == before

    assert converse(conversation) is instant


def test_large_picture_is_answered(classify, encoded, golden):
    noise = np.random.default_rng(0).integers(200, 256, (400, 400, 3), np.uint8)
    noise[100:300, 190:210] = 20
    data = encoded(noise)
    assert len(data) > QUICK_BYTES

    (answer,) = classify(data).json()["answers"]
    assert answer["label"] == "1"


@pytest.mark.parametrize("content_type", ["image/png", "text/html", "application/json", "x", ""])
def test_content_type_of_a_body_is_of_no_account(classify, golden, content_type):
    response = classify(golden.pictures[0], headers={"content-type": content_type})

    assert response.json()["answers"][0]["label"] == "0"


def test_form_of_several_pictures_is_answered_in_order(ask, golden):
    files = form(("b.png", golden.pictures[14]), ("a.png", golden.pictures[0]))
    found = ask("POST", "/v1/classify", files=files).json()["answers"]

    assert [(each["picture"], each["label"]) for each in found] == [("b.png", "7"), ("a.png", "0")]


def test_unreadable_picture_among_several_has_its_problem_in_its_place(ask, golden):
    files = form(("bad.png", b"no picture"), ("a.png", golden.pictures[0]))
    response = ask("POST", "/v1/classify", files=files)

    bad, good = response.json()["answers"]
    assert response.status_code == 200
    assert (bad["picture"], bad["error"]["code"]) == ("bad.png", "picture_unreadable")
    assert good["label"] == "0"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\r\nx: y", "ü😀", "\x00", "'\";--<script>"])
def test_name_of_a_file_is_only_repeated(ask, golden, name):
    response = ask("POST", "/v1/classify", files=form((name, golden.pictures[0])))

    assert response.status_code in {200, 400}
    assert "x" not in response.headers


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "body_empty"),
        (b"no picture", "picture_unreadable"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture_unreadable"),
        (b"\xff\xd8\xff" + bytes(100), "picture_unreadable"),
        (b"GIF89a" + b"\xff" * 100, "picture_unreadable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "picture_unreadable"),
        (bytes(MAX_BODY_BYTES + 1), "body_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_body_that_is_no_picture_is_a_problem(classify, body, expected):
    response = classify(body)

    assert code(response) == expected
    assert 400 <= response.status_code < 500


def test_truncated_picture_is_a_problem(classify, golden):
    assert code(classify(golden.pictures[0][:-40])) == "picture_unreadable"


def test_blank_picture_is_a_problem_or_in_doubt(classify, encoded):
    response = classify(encoded(np.full((40, 40), 255, np.uint8)))

    assert code(response) == "picture_unreadable"


def test_bomb_is_refused_by_its_header(classify, encoded, monkeypatch):
    monkeypatch.setattr(answers, "preprocess", pytest.fail)
    data = encoded(Image.new("1", (6000, 5000)))
    assert len(data) < QUICK_BYTES

    assert code(classify(data)) == "picture_too_large"


@pytest.mark.parametrize("file_format", ["PNG", "BMP"])
def test_picture_larger_than_pillow_opens_is_refused(classify, encoded, file_format):
    data = encoded(Image.new("1", (20_000, 10_000)), file_format)
    if file_format == "BMP":  # the header alone, as the rest is too large
        data = data[:1000]

    assert code(classify(data)) in {"picture_too_large", "picture_unreadable"}


def test_body_that_is_announced_as_too_large_is_not_read(converse):
    async def never():
        pytest.fail("it was read")
        yield b""

    async def conversation(client, _):
        headers = {"content-length": str(MAX_BODY_BYTES + 1)}
        return await client.post("/v1/classify", content=never(), headers=headers)

    assert code(converse(conversation)) == "body_too_large"


def test_more_than_memory_bears_is_refused_for_now(classify, monkeypatch):
    monkeypatch.setattr(bodies.Intake.__init__, "__defaults__", (1000,))
    response = classify(bytes(1001))

    assert (code(response), response.headers["retry-after"]) == ("busy", "1")


def test_memory_of_a_request_is_given_back(converse, golden, monkeypatch):
    monkeypatch.setattr(bodies.Intake.__init__, "__defaults__", (1000,))

    async def conversation(client, _):
        return [
            (await client.post("/v1/classify", content=golden.pictures[0])).status_code
            for _ in range(10)
        ]

    assert converse(conversation) == [200] * 10


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno file\r\n--x--\r\n',
        ),
    ],
)
def test_damaged_form_is_a_problem(classify, content_type, body):
    response = classify(body, headers={"content-type": content_type})

    assert (response.status_code, code(response)) == (400, "form_damaged")


def test_form_of_too_many_pictures_is_a_problem(ask):
    files = form(*((f"{number}.png", b"x") for number in range(MAX_PICTURES + 1)))

    assert code(ask("POST", "/v1/classify", files=files)) == "too_many_pictures"


@pytest.mark.parametrize(
    "query", ["?seen=2", "?seen", "?seen=1&seen=1", "?sean=1", "?%ff=1", "?=1"]
)
def test_unknown_wish_is_a_problem(classify, golden, query):
    assert code(classify(golden.pictures[0], query)) == "query_invalid"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/classify/", "/../etc/passwd", "/page/index.html", "/%00"]
)
def test_path_that_there_is_not_is_a_problem(ask, path):
    response = ask("GET", path)

    assert (response.status_code, code(response)) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/classify"), ("POST", "/v1/model")])
def test_wrong_method_is_a_problem_that_names_the_right_one(ask, method, path):
    response = ask(method, path)

    assert (response.status_code, code(response)) == (405, "method_not_allowed")
    assert response.headers["allow"] in {"POST", "GET, HEAD", "HEAD, GET"}


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/v1/classify"])
def test_every_response_has_the_security_headers(ask, path):
    headers = ask("GET", path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server" not in headers


def test_no_other_site_is_let_in(ask):
    preflight = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    response = ask("OPTIONS", "/v1/classify", headers=preflight)

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "", "127.0.0.1.evil.example"]
)
def test_unknown_host_is_refused(ask, host):
    response = ask("GET", "/v1/model", headers={"host": host})

    assert (response.status_code, code(response)) == (421, "host_unknown")


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.7:8000", "[::1]:8000", "LOCALHOST:1"])
def test_address_as_host_is_let_in(ask, host):
    assert ask("GET", "/v1/model", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer wrong", "Basic word", "word", "Bearer word "]
)
def test_without_the_token_nothing_is_told(ask, path, authorization):
    headers = {"authorization": authorization} if authorization else {}
    response = ask("GET", path, token=WORD, headers=headers)

    assert (response.status_code, code(response)) == (401, "token_needed")
    assert response.headers["www-authenticate"] == "Bearer"


def test_with_the_token_any_host_is_answered(ask, golden):
    headers = {"authorization": "bearer word", "host": "board.example"}
    content = golden.pictures[0]
    response = ask("POST", "/v1/classify", token=WORD, headers=headers, content=content)

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/", "/page.js", "/healthz", "/readyz"])
def test_page_and_health_need_no_token(ask, path):
    assert ask("GET", path, token=WORD).status_code == 200


def test_readiness_names_the_model(ask, bundle):
    response = ask("GET", "/readyz")

    ready = response.json()
    assert (ready["status"], ready["bundle"], ready["refused"]) == ("ready", bundle.name, None)
    assert ready["manifest_sha256"] == bundle.manifest["manifest_sha256"]


def test_readiness_ends_before_the_process_does(ask):
    response = ask("GET", "/readyz", stopping=True)

    assert (response.status_code, response.json()["status"]) == (503, "stopping")


def test_model_says_how_accurate_it_is_and_what_was_verified(ask, bundle):
    model = ask("GET", "/v1/model").json()

    assert model["labels"] == list(bundle.labels)
    assert model["accuracy"] == bundle.manifest["accuracy"]
    verification = model["verification"]
    assert verification["same_labels"] == verification["pictures"] == 20


def test_page_is_small_and_asks_no_other_host(ask):
    texts = [ask("GET", path).text for path in PAGE]

    assert sum(len(text.encode()) for text in texts) <= MAX_PAGE_BYTES
    hosts = {host for text in texts for host in re.findall(r"https?://([^/\s\"'`]*)", text)}
    assert hosts == {"www.w3.org"}  # the name of SVG, which nobody fetches


def test_page_that_is_known_is_not_sent_again(converse):
    async def conversation(client, _):
        first = await client.get("/page.js")
        return await client.get("/page.js", headers={"if-none-match": first.headers["etag"]})

    assert converse(conversation).status_code == 304


def test_metrics_count_what_was_asked(converse, golden):
    async def conversation(client, _):
        for content in (golden.pictures[0], golden.pictures[0], b"no picture"):
            await client.post("/v1/classify", content=content)
        await client.get("/" + SOME_CODE)
        return (await client.get("/metrics")).text

    lines = converse(conversation).splitlines()
    assert 'liteproof_requests_total{route="/v1/classify",status="200"} 2.0' in lines
    assert 'liteproof_requests_total{route="/v1/classify",status="422"} 1.0' in lines
    assert 'liteproof_requests_total{route="other",status="404"} 1.0' in lines
    assert "liteproof_model_seconds_count 2.0" in lines
    assert not any(SOME_CODE in line for line in lines)


def test_fault_of_ours_tells_nothing(classify, golden, monkeypatch):
    monkeypatch.setattr(answers, "classify", lambda *_: 1 / 0)

    response = classify(golden.pictures[0], raising=False)
    assert (response.status_code, code(response)) == (500, "failed")
    assert "ZeroDivisionError" not in response.text


def test_every_code_is_its_own():
    assert len({each.text for each in Code}) == len(Code)
