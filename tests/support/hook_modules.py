"""The hook's own modules, imported from where they are shipped."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from tests.support.hook_process import HOOK

if str(HOOK.parent) not in sys.path:
    sys.path.append(str(HOOK.parent))

hook_grpc: ModuleType = importlib.import_module("prempti_grpc")
hook_forward: ModuleType = importlib.import_module("prempti_forward")
hook_start: ModuleType = importlib.import_module("prempti_start")
