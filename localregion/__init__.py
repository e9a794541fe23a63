"""A region of Oracle Cloud's API on one Linux machine, with real parts behind it."""
