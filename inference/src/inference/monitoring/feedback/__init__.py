"""Feedback: the truth of logged answers, and how well versions do by it."""
