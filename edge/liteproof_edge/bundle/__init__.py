"""What a bundle holds, read and checked before anything in it is used.

Read `reader` first: `Bundle.load`. `manifest` reads JSON defensively; `golden` holds the pictures
and the answers by which a device proves itself; `signature` asks who answers for a bundle, and
`serials` whether it is an older one.
"""
