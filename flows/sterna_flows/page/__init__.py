"""A folder's report as one HTML page: `sterna report`, and `sterna_flows.report` for scripts."""
