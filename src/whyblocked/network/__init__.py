"""The simulator: packet sets followed along a graph of the network. Pure: no I/O, no clock."""
