"""How often something is measured: less often where the benchmark itself is being tried."""

import os


def repeats(usual: int, quick: int = 1) -> int:
    """Return how many repeats to make."""
    return quick if os.environ.get("LITEPROOF_BENCH") == "quick" else usual
