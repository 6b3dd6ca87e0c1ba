"""The documentation: reference pages made from the code, and the site. `__main__` is `make docs`.

Read `pages` first: which reference page comes from where.
"""
