"""The statistics of a comparison: paired counts, intervals, a verdict, and the records of both.

Read `comparing` first: answers become evidence. `records` is what comparison.json holds, `verdict`
decides, `statistics` computes, `document` writes it down.
"""
