"""Exporting a model in its forms, each checked and measured, and choosing the one that ships."""
