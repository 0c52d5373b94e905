package rule

import (
	"slices"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// Code that a model carries by nature is judged by what it calls, and by another measure than a pickle: there, whoever wrote the file also
// chose the arguments, and logging.info or os.path.join have no use; in code they are everyday. So only what no prediction needs counts.

// systemModules are those of which no call belongs in code that a model carries: processes, sockets, native code, code from strings.
var systemModules = set(`subprocess _posixsubprocess pty commands popen2 multiprocessing.popen_fork asyncio.subprocess runpy code codeop marshal
	ctypes _ctypes cffi mmap socket _socket ssl _ssl socketserver urllib urllib2 httplib http.client http.server ftplib smtplib telnetlib poplib imaplib
	nntplib xmlrpc xmlrpclib webbrowser pip ensurepip venv requests httpx aiohttp urllib3 paramiko pexpect fabric sh pdb bdb winreg _winreg msvcrt`)

// systemNames are single names with the same meaning; they are canonical paths.
var systemNames = set(`builtins.eval builtins.exec builtins.execfile builtins.compile builtins.breakpoint
	os.system os.popen os.popen2 os.popen3 os.popen4 os.startfile os.fork os.forkpty os.kill os.killpg os.putenv os.chmod os.chown os.symlink os.link
	os.remove os.unlink os.rmdir os.removedirs os.rename os.renames os.replace os.truncate os.setuid os.setgid os.dup2
	os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe
	os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe os.posix_spawn os.posix_spawnp
	shutil.rmtree shutil.move shutil.chown shutil.copytree types.FunctionType types.CodeType timeit.timeit timeit.repeat`)

// everyday are modules whose names have powers in the index because of their arguments, and that any code uses.
var everyday = set(`logging threading _thread warnings _warnings os.path posixpath ntpath genericpath inspect sys json copy functools itertools`)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for n := range strings.FieldsSeq(names) {
		m[n] = true
	}
	return m
}

// ofSystem reports whether a call belongs to the above.
func ofSystem(obj pyname.Object) bool {
	path := dotted(obj.Module, obj.Name)
	if systemNames[path] || systemNames["os."+obj.Name] && (obj.Module == "posix" || obj.Module == "nt") {
		return true
	}
	return within(systemModules, obj.Module)
}

// within reports whether a module or one that it lies in is in a set.
func within(set map[string]bool, module string) bool {
	for {
		if set[module] {
			return true
		}
		i := strings.LastIndexByte(module, '.')
		if i < 0 {
			return false
		}
		module = module[:i]
	}
}

// actsAtLoad reports whether a call matters in code that runs while the file is loaded: then files and further deserialisers count too.
func actsAtLoad(obj pyname.Object) bool {
	const powers = pyname.Execute | pyname.Native | pyname.Deserialize | pyname.File | pyname.Network
	return ofSystem(obj) || obj.Dangerous() && obj.Power&powers != 0 && !within(everyday, obj.Module)
}

// reaches lists the calls of a piece of code that a measure accepts, at most a few, with what they give.
func (j *judging) reaches(calls []string, measure func(pyname.Object) bool) (reached []string, power pyname.Power) {
	for _, name := range calls {
		obj := j.codeName(name)
		if !measure(obj) || slices.Contains(reached, name) {
			continue
		}
		power |= obj.Power
		if len(reached) < maxListed {
			reached = append(reached, name)
		}
	}
	return reached, power
}

// codeName resolves a name that code calls. One without a module is a builtin or something of the code's own, a method or a local.
func (j *judging) codeName(name string) pyname.Object {
	if strings.Contains(name, ".") {
		return j.names.Path(name, 4)
	}
	if obj := j.names.Resolve("builtins", name, 4); obj.Kind != pyname.KindUnknown {
		return obj
	}
	return pyname.Object{}
}

// isBytecode reports whether a piece of code is a Python code object.
func isBytecode(c weir.Code) bool { return c.Language == "python-bytecode" }
