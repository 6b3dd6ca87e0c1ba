import socket

import pytest

from liteproof_edge.commands import serve as serve_command


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_serve_ends_with_7_where_the_port_is_taken(run, released, taken):
    exit_code, out, err = run("serve", released, "--port", taken)

    assert (exit_code, out) == (7, [])
    expected = f"liteproof-edge: 127.0.0.1:{taken}: cannot be listened on: Address already in use"
    assert err == [expected]


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "a" * 300, "ü.invalid"])
def test_serve_ends_with_7_where_the_host_is_not_here(run, released, host):
    exit_code, out, err = run("serve", released, "--host", host, "--token", "word", "--port", 0)

    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "cannot be listened on" in err[0]


def test_serve_ends_with_4_where_there_is_no_bundle(run, tmp_path):
    exit_code, out, err = run("serve", tmp_path, "--port", 0)

    assert (exit_code, out, len(err)) == (4, [], 1)


def test_serve_ends_with_7_and_the_command_where_the_extra_is_missing(run, released, monkeypatch):
    monkeypatch.setattr(serve_command, "NEEDED", ("json", "no_such_package"))
    exit_code, out, err = run("serve", released)

    assert (exit_code, out, len(err)) == (7, [], 1)
    assert err[0].startswith("liteproof-edge: no_such_package: not installed: ")
    assert err[0].endswith(" -m pip install 'liteproof-edge[serve]'")


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_serve_refuses_what_is_no_port(run, released, port):
    with pytest.raises(SystemExit) as ended:
        run("serve", released, "--port", port)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("host", "token", "warned"),
    [
        ("0.0.0.0", None, True),  # noqa: S104 - what is warned of
        ("::", None, True),
        ("0.0.0.0", "word", False),  # noqa: S104 - the same
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("localhost", None, False),
    ],
)
def test_serve_says_what_it_means_to_be_open_to_all(
    run, released, taken, monkeypatch, host, token, warned
):
    monkeypatch.setattr("liteproof_edge.serving.server.serve", lambda *_: None)
    options = ("--token", token) if token else ()
    exit_code, _, err = run("serve", released, "--host", host, *options)

    assert (exit_code, bool(err)) == (0, warned)
    assert all("without encryption" in line for line in err)


def test_token_may_come_from_the_environment(run, released, monkeypatch):
    served = []
    monkeypatch.setenv(serve_command.TOKEN_VARIABLE, "word")
    monkeypatch.setattr(
        "liteproof_edge.serving.server.serve", lambda settings, *_: served.append(settings.token)
    )
    run("serve", released)

    assert served == ["word"]
