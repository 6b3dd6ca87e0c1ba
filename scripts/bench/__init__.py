"""`make bench`: what liteproof costs and what it is worth, beside what people would use instead.

Read `row` first: what every section measures in. A section is a module with `rows()`; `__main__`
runs them and writes bench.json, a page and a table.
"""
