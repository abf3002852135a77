//! Parts for tests: scripted upstreams, clocks, clients.
