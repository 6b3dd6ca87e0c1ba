"""A folder of pictures becomes a starter recipe.

Read `survey` first: what is seen of a folder. `advice` follows from it, and `starter` is the text.
"""
