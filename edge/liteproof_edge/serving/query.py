"""What a client asks for in the address."""

from urllib.parse import parse_qsl

from liteproof_edge.serving.answers import Wish
from liteproof_edge.serving.problems import Code, Problem

VALUES = {"0": False, "1": True}
PLAIN = Wish()


def read_wish(query: bytes) -> Wish:
    """Return what `?seen=1` and the like ask for.

    Raises:
        Problem: a name or a value is unknown, or a name comes twice.
    """
    if not query:
        return PLAIN
    wishes: dict[str, bool] = {}
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, value in pairs:
        if name not in Wish._fields or name in wishes or value not in VALUES:
            names = ", ".join(Wish._fields)
            raise Problem(Code.QUERY_INVALID, f"{name[:40]}: expected {names}, each once, 0 or 1")
        wishes[name] = VALUES[value]
    return Wish(**wishes)
