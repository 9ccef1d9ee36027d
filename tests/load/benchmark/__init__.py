"""What ``make bench`` measures, how, and what must hold; ``tests/load/bench.py`` starts it."""
