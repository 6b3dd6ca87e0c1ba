"""Comparing models: a run's, any two files, and on damaged pictures.

Read `stage` first: a run's comparison. `files` compares models outside a run; the statistics are in
`liteproof.evidence`.
"""
