"""``premptictl status``, ``health`` and ``doctor``: whether the guard does its work, and what keeps it from it."""
