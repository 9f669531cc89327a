"""Scoring: pure functions from what a session holds to features, criteria and verdicts."""
