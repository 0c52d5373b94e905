"""Makes the source positions that a library records relative to its own package, so that no fixture names the machine.

TorchScript keeps the file names of the frames that it compiled or traced, and torch's legacy format the source file of every module
class. relocate("torch") rewrites the file name of each function of the package to torch/..., and lays a link of that name in the current
folder so that inspect still finds the text.
"""
import os
import sys
import types


def _short(name, parent):
    return name[len(parent) + 1:] if name.startswith(parent + os.sep) else name


def relative_code(code, parent):
    """The same code, and all code inside it, with file names relative to parent."""
    consts = tuple(relative_code(c, parent) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=_short(code.co_filename, parent), co_consts=consts)


def relocate(package):
    home = os.path.dirname(sys.modules[package].__file__)
    parent = os.path.dirname(home)
    os.symlink(home, package)
    seen = set()

    def visit(value):
        if isinstance(value, (staticmethod, classmethod, types.MethodType)):
            value = value.__func__
        if isinstance(value, types.FunctionType) and id(value) not in seen:
            seen.add(id(value))
            value.__code__ = relative_code(value.__code__, parent)
            for cell in value.__closure__ or ():
                try:
                    visit(cell.cell_contents)
                except ValueError:
                    pass
            if hasattr(value, "__wrapped__"):
                visit(value.__wrapped__)
        elif isinstance(value, property):
            visit(value.fget)
        elif isinstance(value, type) and id(value) not in seen and getattr(value, "__module__", "").split(".")[0] == package:
            seen.add(id(value))
            for v in list(vars(value).values()):
                visit(v)

    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == package and isinstance(module, types.ModuleType):
            for v in list(vars(module).values()):
                visit(v)
            if getattr(module, "__file__", None):
                module.__file__ = _short(module.__file__, parent)
