"""``premptictl explain``: what a call would do, and why it gets its verdict."""
