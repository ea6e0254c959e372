"""What AWS says about the network: typed resources, an index over them, and the two places they come from."""
