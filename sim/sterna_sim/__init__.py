"""Part of Sterna."""
