"""A bundle put on boards over ssh: proven there, switched at once, rolled back if it fails.

Read `rollout` first: one board, step by step. `fleet` does many; `connection` speaks to the agent
that `liteproof_edge.board` is; `wheelhouse` collects what a board without internet installs.
"""
