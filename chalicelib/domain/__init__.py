"""The nouns and their rules: standard library only, no input or output; time and ids come in as arguments."""
