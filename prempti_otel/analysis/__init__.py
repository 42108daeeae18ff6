"""What a call would do: shell, command catalogue, paths, urls, patches.

    context = Context(load_catalogue(), home="/home/dev", user="dev")
    events = predict(call, tool_event(call), context)
"""

from prempti_otel.analysis.predict import Context, predict

__all__ = ["Context", "predict"]
