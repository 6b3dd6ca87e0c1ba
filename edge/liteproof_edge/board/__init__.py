"""What `liteproof deploy` does on a board, by the standard library alone.

The host sends these modules over ssh, so that a board needs nothing but Python 3.10.
Read `agent` first: what it is asked to do. `store` keeps files, environments and releases under the
user's home; `look` says what the board is; `environment` installs; `service` is systemd's part.
"""
