"""Which runtimes can run a model, on which boards, and why one cannot."""
