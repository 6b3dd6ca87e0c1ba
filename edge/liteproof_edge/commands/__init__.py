"""What `liteproof-edge` does: one module for each command, imported when it is called for.

Read `classify` first. `arguments` parses the command line, `output` prints.
"""
