"""What an examination tries on a loaded model: golden samples, cost, a foreign file's classes."""
