"""What a call would do: shell, command catalogue, paths, urls, patches."""
