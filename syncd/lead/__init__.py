"""The words that both sides share; imports nothing of ours."""
