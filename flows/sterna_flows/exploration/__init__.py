"""Design-space exploration: `sterna explore`, and `sterna_flows.explore` for scripts."""
