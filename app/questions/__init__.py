"""Predictions to make before the answer shows: what is asked, what can be chosen, and what is right."""
