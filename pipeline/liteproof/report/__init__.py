"""A comparison as one offline HTML file, for people.

Read `page` first: it fills in the template. `charts` and `drawing` make SVG, `sentences` says what
to see in each figure, `gallery` shows pictures whose answer changed.
"""
