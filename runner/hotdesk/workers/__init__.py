"""Worker processes, on this machine or a Dask cluster, that hold the connections to the PCs (docs/workers.md)."""
