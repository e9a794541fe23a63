"""A small list of items behind a page and a JSON API, kept in MySQL or MariaDB."""

__version__ = "1.0.0"
