"""Run by systemd before the service: goes back from a switch that a power cut left unfinished."""

from pathlib import Path

from liteproof_edge.board.places import STORE, TRUST
from liteproof_edge.board.store import Store
from liteproof_edge.board.switching import Switching

if __name__ == "__main__":
    Switching(Store(Path.home() / STORE), Path.home() / TRUST).recover()
