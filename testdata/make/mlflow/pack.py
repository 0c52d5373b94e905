"""One folder as one zip file whose bytes depend on nothing but the files."""
import os
import zipfile


def pack(folder, out):
    with zipfile.ZipFile(out, "w") as z:
        for where, dirs, names in os.walk(folder):
            dirs[:] = sorted(d for d in dirs if d != "__pycache__")
            for n in sorted(names):
                path = os.path.join(where, n)
                info = zipfile.ZipInfo(os.path.relpath(path, folder), (2026, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                with open(path, "rb") as f:
                    z.writestr(info, f.read(), compresslevel=9)
