import sys, json, os, threading, time, subprocess
sys.path.insert(0,'/tmp/h')
from pathlib import Path
import tempfile
from tests.support import real_claude
d=Path(tempfile.mkdtemp()); home=d/'home'; proj=d/'project'; home.mkdir(); proj.mkdir()
(home/'.claude').mkdir()
hook=d/'hook.py'; out=d/'out.txt'
hook.write_text(f'''
import psutil,os,sys
p=psutil.Process(os.getppid())
with open({str(out)!r},"a") as f:
    for q in [p,*p.parents()]: f.write(repr((q.pid,q.name(),q.cmdline(),q.exe() if q.uids().effective==os.geteuid() else ""))+"\\n")
print("{{}}")
''')
(home/'.claude/settings.json').write_text(json.dumps({"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":f"{sys.executable} {hook} || {{ exit 2; }}"}]}]}}))
r=real_claude.run(real_claude.installed(),home,proj,[[("Bash",{"command":"ls","description":"x"})]])
print(r.calls)
print(out.read_text())
