"""What a coding agent runs before a tool call. It only loads ``prempti_forward``, next to it, and must stay this short:

Python compiles the file that it is given anew on every run, and keeps the compiled form only of what that file
imports. With the forwarder in here every tool call would wait 9 ms longer.
"""

import posix
import sys

try:
    posix.umask(0o077)  # also for what Python compiles
    sys.path.insert(0, __file__.rpartition("/")[0] or "/")
    from prempti_forward import main
except BaseException as error:  # noqa: BLE001 - the boundary: no traceback, and the call is blocked
    passes = "--fail-open" in sys.argv or "--lifecycle" in sys.argv
    outcome = "call passed unjudged" if passes else "call blocked"
    sentence = f"prempti: {outcome}: the hook is damaged: {error} (run premptictl hook add)\n"
    try:
        posix.write(2, sentence.encode("utf-8", "backslashreplace"))
        if passes and posix.write(1, b"{}\n"):
            posix._exit(0)
    finally:
        posix._exit(2)

main(sys.argv[1:])
