"""Running models: a .tflite in a worker process on the runtime that ships, and Keras' own answers.

Read `tflite_model` first; `worker` is the process that it starts, which never imports TensorFlow.
`keras_model` computes the float reference once and stores it.
"""
