"""What a graph computes in and what it costs, read from the file; nothing is run.

Read `inspect` first: it puts together `kinds` (integer or float), `findings` (what is out of
place), `costs`, `memory_plan` and `layer_names`.
"""
