"""Where pictures come from, and how they become arrays; `liteproof.datasets` is the door."""
