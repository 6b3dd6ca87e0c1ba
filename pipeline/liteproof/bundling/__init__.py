"""Writing a bundle, whole or not at all.

Read `writer` first; `stage` gathers a run's ingredients, `golden_choice` picks the golden vectors,
`model_card` fills in the card.
"""
