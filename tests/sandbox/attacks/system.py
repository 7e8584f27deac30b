"""Attacks on the operating system. The policy refuses their imports, and the lock must stop them without it."""

from service.sandbox.base import Outcome
from tests.sandbox.attacks.base import Attack

D, E, O, T, C = Outcome.DENIED, Outcome.ERROR, Outcome.OUTPUT, Outcome.TIMEOUT, Outcome.CRASHED  # noqa: E741


def _os(name: str, call: str, lock: object = D) -> Attack:
    return Attack(name, f"import os\nans = 'ESCAPED %s' % ({call},)", D, lock)  # type: ignore[arg-type]


def _native(name: str, call: str) -> Attack:
    """Attack that calls libc directly, without Python's checks. The kernel answers EPERM (1)."""
    program = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nr = c.{call}\n"
    return Attack(name, program + "ans = [r, ctypes.get_errno()] if r == -1 else 'ESCAPED'", D, [-1, 1])


FILES = [
    _os("read a file", "open('/etc/passwd').read()"),
    _os("append to a file", "open('CANARY', 'a').write('x')"),
    _os("create a file", "os.open('CANARY.new', os.O_CREAT | os.O_WRONLY)"),
    _os("read own memory", "open('/proc/self/mem', 'rb')"),
    _os("read the service's memory", "open('/proc/SERVICE/mem', 'rb')"),
    _os("read the service's environment", "open('/proc/SERVICE/environ', 'rb')"),
    _os("list a folder", "os.listdir('/')"),
    _os("stat", "os.stat('CANARY')"),
    _os("unlink", "os.unlink('CANARY')"),
    _os("rename", "os.rename('CANARY', 'CANARY.old')"),
    _os("mkdir", "os.mkdir('CANARY.d')"),
    _os("symlink", "os.symlink('/etc/passwd', 'CANARY.l')"),
    _os("chmod", "os.chmod('CANARY', 0o777)"),
    _os("chdir", "os.chdir('/')"),
    _os("truncate", "os.truncate('CANARY', 0)"),
    _os("shared memory", "open('/dev/shm/x', 'w')"),
    _os("device", "os.open('/dev/urandom', os.O_RDONLY)"),
    _os("pipe", "os.pipe()"),
    _os("memfd", "os.memfd_create('x')"),
    _os("duplicate the pipe", "os.dup(0)"),
    _os("read another descriptor", "os.read(3, 1)"),
    _os("write to stderr", "os.write(2, b'x')"),
    _os("list descriptors", "os.listdir('/proc/self/fd')"),
    Attack("environment", "import os\nans = list(os.environ.items())", D, []),
    Attack("temporary file", "import tempfile\ntempfile.TemporaryFile(dir='/tmp')", D, D),
    _native("openat", "openat(-100, b'/etc/passwd', 0)"),
    _native("mount", "mount(b'none', b'/', b'tmpfs', 0, None)"),
    _native("chroot", "chroot(b'/')"),
]

SOCKETS = [
    Attack("connect", "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', PORT))\nans = 'ESCAPED'", D, D),
    Attack("unix socket", "import _socket as s\ns.socket(s.AF_UNIX)\nans = 'ESCAPED'", D, D),
    Attack("name lookup", "import _socket as s\nans = 'ESCAPED %s' % s.gethostbyname('localhost')", D, E),
    _native("socket", "socket(2, 1, 0)"),
    _native("netlink", "socket(16, 3, 0)"),
    _native("sendto on the pipe", "sendto(0, b'x', 1, 0, None, 0)"),
    _native("pass a descriptor", "sendmsg(0, None, 0)"),
    _native("shut the pipe down", "shutdown(0, 2)"),
]

PROCESSES = [
    _os("fork", "os.fork()"),
    _os("vfork by posix_spawn", "os.posix_spawn('/bin/true', ['true'], {})"),
    _os("exec", "os.execv('/bin/true', ['true'])"),
    _os("system", "'ran' if os.system('true') == 0 else 1/0", E),
    _os("fork bomb", "[os.fork() for _ in range(1000)]"),
    _os("kill the service", "os.kill(SERVICE, 9)"),
    _os("kill the zygote", "os.kill(ZYGOTE, 9)"),
    _os("stop the zygote", "os.kill(ZYGOTE, 19)"),
    _os("kill everything", "os.kill(-1, 9)"),
    _os("stop itself", "os.kill(os.getpid(), 19)"),
    _os("become root", "os.setuid(0)"),
    _os("new session", "os.setsid()"),
    _os("renice", "os.nice(-5)"),
    _os("wait", "os.wait()"),
    _os("sched affinity", "os.sched_setaffinity(0, [0])"),
    Attack("thread", "import _thread\n_thread.start_new_thread(print, ())\nans = 'ESCAPED'", D, E),
    Attack("ignore signals", "import signal\nsignal.signal(15, signal.SIG_IGN)\nans = 'ESCAPED'", D, D),
    Attack("raise a limit", "import resource as r\nr.setrlimit(r.RLIMIT_AS, (-1, -1))\nans = 'ESCAPED'", D, E),
    Attack("ignore the CPU timer", "import _signal as s\ns.signal(s.SIGPROF, s.SIG_IGN)\nans = 'ESCAPED'", D, D),
    Attack("raise the CPU limit", "import resource as r\nr.setrlimit(r.RLIMIT_CPU, (99, 99))\nans = 'ESCAPED'", D, E),
    Attack("sleep", "import time\ntime.sleep(60)", E, D),
    Attack("abort", "import os\nos.abort()", D, C),
    Attack("null pointer", "import ctypes\nctypes.string_at(0)", D, C),
    _native("ptrace the service", "ptrace(16, SERVICE, None, None)"),
    _native("read the service's memory directly", "process_vm_readv(SERVICE, None, 0, None, 0, 0)"),
    _native("write the zygote's memory directly", "process_vm_writev(ZYGOTE, None, 0, None, 0, 0)"),
    _native("clone", "syscall(56, 17, 0, 0, 0, 0)"),
    _native("clone3", "syscall(435, None, 0)"),
    _native("pidfd", "syscall(434, ZYGOTE, 0)"),
    _native("io_uring", "syscall(425, 8, None)"),
    _native("bpf", "syscall(321, 0, None, 0)"),
    _native("userfaultfd", "syscall(323, 0)"),
    _native("keyctl", "syscall(250, 0, 0, 0)"),
    _native("perf_event_open", "syscall(298, None, 0, -1, -1, 0)"),
    _native("new namespaces", "unshare(0x10000000)"),
    _native("undo die-with-parent", "prctl(1, 0, 0, 0, 0)"),
    _native("another filter", "prctl(22, 2, None, 0, 0)"),
    _native("x32 system call", "syscall(0x40000000 + 2, b'/etc/passwd', 0)"),
    _native("executable memory", "mprotect(0, 4096, 7)"),
    _native("executable mapping", "syscall(9, 0, 4096, 7, 0x22, -1, 0)"),
    _native("shared mapping", "syscall(9, 0, 4096, 3, 0x21, -1, 0)"),
    _native("system V shared memory", "shmget(0, 4096, 0o1600)"),
    _native("message queue", "syscall(240, b'x', 0o102, 0o600, None)"),
    _native("semaphore", "semget(0, 1, 0o1600)"),
    _native("timer", "setitimer(0, None, None)"),
    _native("stop the CPU timer", "setitimer(2, None, None)"),
]

SYSTEM = {"files": FILES, "sockets": SOCKETS, "processes": PROCESSES}
