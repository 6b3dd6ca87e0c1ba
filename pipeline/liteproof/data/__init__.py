"""Where pictures come from, and how they become arrays.

Read `dataset` first: it is the door. `acquisition` gets a dataset, `picture_folder` and `prepared`
are its two sources, `decoding` and `decoded` decode pictures once and keep them.
"""
