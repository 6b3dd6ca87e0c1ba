"""What this device measures of itself: parity, accuracy, latency and memory.

Read `verification` first: golden vectors on this device's runtime. `evaluation` measures accuracy
on labelled pictures, `benchmark` speed and memory; `machine` describes the device.
"""
