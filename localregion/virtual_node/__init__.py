# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual kubelet: plays the virtual nodes of one OKE pool against a real API server (see __main__.py, config.py)."""
