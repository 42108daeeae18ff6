"""What a coding agent runs before a tool call. It only loads ``prempti_forward``, next to it, and must stay this short:

Python compiles the file that it is given anew on every run, and keeps the compiled form only of what that file
imports. With the forwarder in here every tool call would wait 9 ms longer.
"""

import posix
import sys

try:
    sys.path.insert(0, __file__.rpartition("/")[0] or "/")
    from prempti_forward import main
except BaseException as error:  # noqa: BLE001 - the boundary: no traceback, and the call is blocked
    answer = "call passed unjudged" if "--fail-open" in sys.argv else "call blocked"
    posix.write(2, f"prempti: {answer}: the hook is damaged: {error} (run premptictl hook add)\n".encode())
    if "--fail-open" in sys.argv:
        posix._exit(0 if posix.write(1, b"{}\n") == 3 else 2)
    posix._exit(2)

main(sys.argv[1:])
