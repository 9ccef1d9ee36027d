"""New versions beside the old ones: shadows, and the gates of a promotion."""
