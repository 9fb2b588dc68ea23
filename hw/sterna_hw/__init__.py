"""Sterna's hardware parts: each file holds a part's meaning, timing, cost and gateware."""
