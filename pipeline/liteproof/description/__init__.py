"""What a recipe's model will be and cost, before it is trained.

Read `describe` first; `layer_table` lays out its rows, `dimensions` finds the input's size and the
number of classes, `portability` says whether every CPU will give the same bytes.
"""
