"""The representative dataset: choosing it, reading a user's, and holding it to rules."""
