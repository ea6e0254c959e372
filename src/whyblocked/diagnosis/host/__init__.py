"""The host behind the packet: what records say of it where the rules let everything pass."""
