"""The comparison of versions and runs: one page, put together from its sections.

asked: the page as its address says it; items: what is compared; settings, scores, curves, fields
(numbers to draw against each other) and examples: the sections.
"""
