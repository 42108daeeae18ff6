"""``premptictl audit``: the trail verified, shown, counted and exported."""
