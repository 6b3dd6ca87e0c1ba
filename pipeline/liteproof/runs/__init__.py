"""The folder of a run, and stages that are skipped when nothing they depend on has changed.

Read `run` first: which file lies where. `stage` decides whether work is already done.
"""
