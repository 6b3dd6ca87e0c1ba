"""How weights are found.

Read `loop` first: epochs, checkpoints, resuming. `stage` is where a run enters; `learner` takes the
steps, `phases` is what a training consists of, `qat` makes the fake-quantized twin.
"""
