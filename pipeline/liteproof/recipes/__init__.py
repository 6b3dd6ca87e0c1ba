"""What a recipe may say, reading one, and the recipes that ship (`*.toml`).

Read `schema` first: every key, type and range. `reader` finds and checks a file; `input_spec` says
what pictures become on their way into the model.
"""
