"""``premptictl install``, ``start``, ``stop``, ``enable`` and their opposites: the guard and its engine come and go."""
