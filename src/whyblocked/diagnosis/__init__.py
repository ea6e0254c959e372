"""From a walk and its evidence to an answer."""
