"""A web page and an HTTP API for one bundle, behind the extra `[serve]`.

Read `application` first: what there is to ask for. `server` runs it, `lane` is where requests wait
for the interpreter, `models` replaces a bundle that has changed on disk.
"""
