"""A network opened on one picture: what each layer sees, what int8 changes, why it answers so.

Read `story` first: it gathers the tensors. `page` shows them; `steps` says what a step is.
"""
