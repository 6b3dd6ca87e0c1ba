"""Exporting a model in its forms, each checked and measured, and choosing the one that ships.

Read `exporter` first: one model, every form. `stage` exports a run's, `foreign` a user's
Keras model; `fallback` goes from int8 to wider forms until the gate holds.
"""
