"""A comparison as one offline HTML file, for people."""
