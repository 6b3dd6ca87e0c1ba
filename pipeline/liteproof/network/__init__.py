"""A recipe's layers as a Keras model.

Read `architecture` first: it builds the model; `layers` holds the layers that Keras lacks.
"""
