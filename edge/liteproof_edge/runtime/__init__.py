"""The interpreter: in this process, or in one of its own that a model may crash.

Read `loading` first: the one module that imports tflite-runtime or LiteRT. `session` runs a model;
`opening` decides where a bundle's may run. `unverified` reads a bare .tflite, which `confinement`
and `confined` run in a separate process; `trial` tries a bundle there that nobody answers for.
"""
