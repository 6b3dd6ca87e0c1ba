"""Pictures of handwritten digits as people photograph and scan them, made from MNIST's.

Read `drawing` first: it takes a digit through the modules for each kind of damage, as `conditions`
says; `crops` are pictures as programs and scanners cut them. `scoring` measures how well a bundle
reads the pictures.
"""
