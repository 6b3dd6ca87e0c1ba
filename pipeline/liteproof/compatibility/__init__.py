"""Which runtimes can run a model, on which boards, and why one cannot.

Read `forecast` first. `facts.toml` holds what was measured, each fact with its source; `assessment`
checks a model's operators against it.
"""
