"""What decides on paths and network addresses, for every bridge and tool that touches them."""
