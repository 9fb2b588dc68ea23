"""Cost models fitted to synthesis: configurations, counts, coefficients, and the page of errors."""
