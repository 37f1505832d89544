"""The tables of a cabinet's configuration, each key with its declaration. `schema` is their face."""
