"""What a person approved that an agent could not ask about: exactly that call, recorded, and soon over."""
