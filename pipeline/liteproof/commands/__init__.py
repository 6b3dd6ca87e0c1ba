"""The commands of `liteproof`: each parses, calls one function, and prints."""
