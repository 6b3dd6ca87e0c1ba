"""From a picture to the model's input: the only implementation, for host and device alike.

Read `spec` first: it dispatches to `ink` (a mark in any picture), `photo` (any picture, resized) or
`raw` (pictures that already are the model's input). `pictures` opens files; `prepared` is the
result. For `ink`, `mark` finds the mark: `straight` leaves out borders and lines, `paper` tells ink
from paper, `components` which ink belongs together, `normalisation` makes of it what MNIST's were.
"""
