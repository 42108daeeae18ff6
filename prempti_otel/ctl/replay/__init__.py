"""``premptictl replay``: recorded calls, judged anew."""
