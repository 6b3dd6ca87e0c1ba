"""A web page and an HTTP API for one bundle, behind the extra `[serve]`.

`application` says what there is to ask for; `server` runs it; `lane` is where requests wait for the
interpreter.
"""
