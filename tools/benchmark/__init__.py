"""What ``make bench`` measures, how, and what must hold."""
