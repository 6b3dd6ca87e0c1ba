"""Models that were trained elsewhere, made into runs: for them, adoption stands for training.

Read `origin` first: where a run's model and pictures come from. `stage` adopts a model; `loading`
reads it, `shaping` builds around it what takes pixels and gives logits, `trial` finds what it
takes pixels as, `pictures` are the labelled ones that it is measured on.
"""
