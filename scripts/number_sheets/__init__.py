"""Sheets with several handwritten digits on them, made of MNIST's, and how well they are read.

Read `composing` first: it puts digits on a sheet, as `conditions` says. `scoring` sets what
`classify_each` finds against them.
"""
