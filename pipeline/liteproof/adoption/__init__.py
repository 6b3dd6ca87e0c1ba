"""Models that were trained elsewhere, made into runs: for them, adoption stands for training.

Read `origin` first: where a run's model and pictures come from. `stage` adopts a `candidate`: a
`network` of Keras, which `loading` reads and `shaping` builds into one from pixels to logits, or a
`given` .tflite, which is kept as it is. `trial` finds what a model takes pixels as, `pictures` are
the labelled ones that it is measured on.
"""
