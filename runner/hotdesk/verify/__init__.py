"""Is the target state what it should be? testinfra tests over the connections that are already open."""
