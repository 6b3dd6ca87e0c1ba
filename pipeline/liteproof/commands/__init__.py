"""The commands of `liteproof`: each module parses one command, calls one function, and prints.

Read `run` first: the whole chain. `options` holds what several commands share.
"""
