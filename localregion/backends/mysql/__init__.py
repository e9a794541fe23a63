# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of DB systems: MySQL, or MariaDB where MySQL can't be had."""

from localregion.backends.mysql.group import MysqlGroup, dissolve
from localregion.backends.mysql.products import MariaDb, MySql, Product, product_of
from localregion.backends.mysql.recovery import keep_logs, recover
from localregion.backends.mysql.server import MysqlError, MysqlServer

__all__ = [
    "MariaDb",
    "MySql",
    "MysqlError",
    "MysqlGroup",
    "MysqlServer",
    "Product",
    "dissolve",
    "keep_logs",
    "product_of",
    "recover",
]
