"""One class for each kind of answer: from the arrays of a run to predictions, and their counts."""
