"""What syncd costs, each figure beside the floor of the same work in the same run; `python -m benchmarks`.

Nothing here is a test: whether the figures are right is the suite's, these say how large they are.
"""
