"""The comparison as evidence: paired statistics, a verdict, and what they were found on."""
