"""How a run gets from its request to its end: messages say "look", records say what, steps do one thing each."""
