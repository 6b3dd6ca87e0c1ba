"""What goes wrong on a board, told to the host in one line."""


class BoardError(Exception):
    """The board cannot do what it was asked to do; `exit_code` is what the host ends with."""

    def __init__(self, message: str, exit_code: int = 7) -> None:
        super().__init__(message)
        self.exit_code = exit_code
