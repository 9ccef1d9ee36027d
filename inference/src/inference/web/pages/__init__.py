"""The pages for people: HTML made here, and the style sheet and modules that they load."""
