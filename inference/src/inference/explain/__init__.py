"""Why a model answers as it does: Shapley values and what-if curves. Knows no HTTP."""
