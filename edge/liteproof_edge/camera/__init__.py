"""A camera that answers by itself: frames in, labels out; never later than the camera is.

Read `sources` first: where frames come from, all by one interface. `newest` drops those that come
too fast, `sightings` answers the others.
"""
