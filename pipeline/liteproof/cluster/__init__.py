"""The devices and machines that train together.

Read `team` first: what a training asks of the others. `strategy` chooses TensorFlow's distribution
strategy, `rendezvous` is where machines meet before TensorFlow connects them.
"""
