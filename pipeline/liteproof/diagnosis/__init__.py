"""Where a quantized model's error comes from, layer by layer.

Read `layer_comparison` first. `pairing` finds which tensors of two files correspond, `probing` and
`worker` run both in a process of their own, `sentences` says the result in words.
"""
