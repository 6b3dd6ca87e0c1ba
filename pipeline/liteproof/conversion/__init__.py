"""From a Keras model to the bytes of a .tflite.

Read `quantization` first: one function for each scheme. `variants` names the forms a model may
take, `proof` shows that a file is what it is called, `metadata` writes what other programs read
in it.
"""
