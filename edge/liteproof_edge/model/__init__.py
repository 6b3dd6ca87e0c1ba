"""What a .tflite file is: its bytes become a graph of tensors and operators, without a runtime.

Read `flatbuffer` first: the bounds-checked reader. `wiring` says which operator makes and reads
each tensor, `operators` names the builtin ones, `affine` maps between codes and real values.
"""
