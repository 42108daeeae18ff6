"""``premptictl rules``: the rules that are in force, tried out, switched, made and trusted."""
