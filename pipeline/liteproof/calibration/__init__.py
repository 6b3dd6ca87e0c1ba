"""The representative dataset: choosing it, reading a user's, and checking it.

Read `check` first: the linter. `form` checks one array, `behaviour` asks the float model, `source`
reads a user's pictures, `choice` picks ours.
"""
