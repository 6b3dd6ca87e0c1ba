"""Comparing models: those of a run, any two files, and on damaged pictures.

Read `stage` first: a run's comparison. `files` compares what no run holds; the statistics are in
`liteproof.evidence`.
"""
