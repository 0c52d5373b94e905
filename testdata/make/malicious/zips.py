"""A writer of zip archives in which every field can be false."""
import struct
import zlib


class Entry:
    def __init__(self, name, data, method=0, flags=0, crc=None, csize=None, usize=None, local_name=None, local_data=None, extra=b"",
                 local_extra=None, ver=20, attr=0, madeby=20, no_local=False, no_central=False, descriptor=False, offset=None, pre=b"", comment=b"",
                 local_flags=None, local_method=None):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.local_name = self.name if local_name is None else (local_name if isinstance(local_name, bytes) else local_name.encode())
        self.__dict__.update(data=data, method=method, flags=flags, extra=extra, ver=ver, attr=attr, madeby=madeby, no_local=no_local, no_central=no_central,
                             descriptor=descriptor, offset=offset, pre=pre, comment=comment)
        self.local_extra = extra if local_extra is None else local_extra
        self.local_flags = flags if local_flags is None else local_flags
        self.local_method = method if local_method is None else local_method
        if method == 8:
            c = zlib.compressobj(9, zlib.DEFLATED, -15)
            self.body = c.compress(data) + c.flush()
        else:
            self.body = data
        self.crc = zlib.crc32(data) if crc is None else crc
        self.csize = len(self.body) if csize is None else csize
        self.usize = len(data) if usize is None else usize


DATE = (0, 0x21)  # 1980-01-01


def build(entries, comment=b"", prefix=b"", suffix=b"", base=0, count=None, cd_size=None, cd_offset=None, gap=b"", reorder=None):
    out = bytearray(prefix)
    for e in entries:
        out += e.pre
        if e.no_local:
            continue
        if e.offset is None:
            e.offset = len(out) - base
        flags = e.local_flags | (8 if e.descriptor else 0)
        crc, cs, us = (0, 0, 0) if e.descriptor else (e.crc, e.csize, e.usize)
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, e.ver, flags, e.local_method, *DATE, crc, cs, us, len(e.local_name), len(e.local_extra)) + e.local_name + e.local_extra + e.body
        if e.descriptor:
            out += struct.pack("<IIII", 0x08074B50, e.crc, e.csize, e.usize)
    out += gap
    start = len(out) - base
    n = 0
    for e in (reorder(entries) if reorder else entries):
        if e.no_central:
            continue
        n += 1
        flags = e.flags | (8 if e.descriptor else 0)
        out += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, e.madeby, e.ver, flags, e.method, *DATE, e.crc, e.csize, e.usize, len(e.name), len(e.extra), len(e.comment), 0, 0, e.attr, e.offset) + e.name + e.extra + e.comment
    size = len(out) - base - start
    n = n if count is None else count
    out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, size if cd_size is None else cd_size, start if cd_offset is None else cd_offset, len(comment)) + comment
    return bytes(out + suffix)


def plain(files, **kw):
    return build([Entry(k, v) for k, v in files], **kw)
