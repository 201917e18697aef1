"""A small neural net, which learns in epochs."""
