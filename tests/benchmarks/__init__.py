"""The speed figures: ``make bench`` measures them all, and says how far each is from its target."""
