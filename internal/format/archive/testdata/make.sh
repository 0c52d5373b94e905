#!/bin/sh
# Makes the honest archives beside this script with the tools that people use; the Go tests read them. It is run by hand when a tool is
# added: the files are kept in the repository. Needs python3, zip, 7z, jar, tar, gzip, bzip2, xz, lzma, zstd and lz4.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/in/folder" "$work/out"
cd "$work/in"
printf 'hello, archive\n' >hello.txt
seq 1 300 >numbers.txt
python3 -c 'import pickle; pickle.dump({"weights": list(range(50)), "name": "honest"}, open("model.pkl", "wb"), 2)'
cp numbers.txt folder/deep.txt
: >empty.bin
ln -s hello.txt link
find . -exec touch -h -d 2024-01-02T03:04:06Z {} +
out=$work/out
all="hello.txt numbers.txt model.pkl empty.bin folder"

zip -qr -X "$out/infozip.zip" $all
zip -qr -X -fd "$out/infozip-descriptors.zip" $all
zip -qr -y "$out/infozip-symlink.zip" $all link
zip -qr -Z bzip2 "$out/infozip-bzip2.zip" $all
zip -qr - $all | cat >"$out/infozip-streamed.zip"
cat numbers.txt | zip -q - - | cat >"$out/infozip-stdin.zip"
zip -q -fz "$out/infozip-zip64.zip" hello.txt
zip -q -0 "$out/infozip-stored.zip" $all
zip -q -P secret "$out/encrypted-zipcrypto.zip" numbers.txt
7z a -bso0 -bd -tzip "$out/7zip.zip" $all
7z a -bso0 -bd -tzip -mm=LZMA "$out/7zip-lzma.zip" $all
7z a -bso0 -bd -tzip -mm=Deflate64 "$out/unsupported-deflate64.zip" numbers.txt
7z a -bso0 -bd -tzip -psecret -mem=AES256 "$out/encrypted-aes.zip" numbers.txt
jar cf "$out/jar.jar" hello.txt model.pkl folder
jar c0f "$out/jar-stored.jar" hello.txt model.pkl folder

for m in LZMA LZMA2 BZip2 Deflate Copy; do
	7z a -bso0 -bd -m0=$m "$out/$m.7z" $all
done
7z a -bso0 -bd -m0=BCJ -m1=LZMA2 "$out/bcj.7z" $all
7z a -bso0 -bd -m0=BCJ2 -m1=LZMA -m2=LZMA -m3=LZMA -mb0:1 -mb0s1:2 -mb0s2:3 "$out/bcj2.7z" $all
7z a -bso0 -bd -m0=Delta:4 -m1=LZMA2 "$out/delta.7z" $all
7z a -bso0 -bd -ms=off "$out/notsolid.7z" $all
7z a -bso0 -bd -mhc=off "$out/plainheader.7z" $all
7z a -bso0 -bd -snl "$out/symlink.7z" hello.txt link
7z a -bso0 -bd -psecret "$out/encrypted.7z" numbers.txt
7z a -bso0 -bd -psecret -mhe=on "$out/encrypted-header.7z" numbers.txt
7z a -bso0 -bd -m0=PPMd "$out/unsupported-ppmd.7z" numbers.txt

own="--owner=user:1000 --group=user:1000"
for f in v7 oldgnu gnu ustar pax; do
	tar $own -b 1 --format=$f -cf "$out/$f.tar" $all link
done
long=$(python3 -c 'print("long-folder-name/" * 10 + "file.txt")')
mkdir -p "$(dirname "$long")" && cp hello.txt "$long"
tar $own -b 1 --format=gnu -cf "$out/gnu-long.tar" "$long"
tar $own -b 1 --format=pax -cf "$out/pax-long.tar" "$long"
truncate -s 200K sparse.bin
printf data | dd of=sparse.bin bs=1 seek=100000 conv=notrunc status=none
tar $own -b 1 --format=gnu -S -cf "$out/gnu-sparse.tar" sparse.bin
for v in 0.0 0.1 1.0; do
	tar $own -b 1 --format=posix -S --sparse-version=$v -cf "$out/pax-sparse-$v.tar" sparse.bin
done
ln hello.txt hard.txt
tar $own -cf "$out/hardlink.tar" hello.txt hard.txt

gzip -nk numbers.txt && mv numbers.txt.gz "$out/plain.gz"
gzip -Nc numbers.txt >"$out/named.gz"
{ gzip -nc hello.txt; gzip -nc numbers.txt; } >"$out/members.gz"
{ gzip -nc hello.txt; head -c 512 /dev/zero; } >"$out/padded.gz"
bzip2 -c numbers.txt >"$out/plain.bz2"
{ bzip2 -c hello.txt; bzip2 -c numbers.txt; } >"$out/streams.bz2"
bzip2 -c empty.bin >"$out/empty.bz2"
for c in none crc32 crc64 sha256; do
	xz -c --check=$c numbers.txt >"$out/$c.xz"
done
{ xz -c hello.txt; head -c 8 /dev/zero; xz -c numbers.txt; head -c 4 /dev/zero; } >"$out/streams.xz"
xz -c --x86 --lzma2 model.pkl >"$out/x86.xz"
xz -c --delta=dist=4 --lzma2=lc=1,lp=2,pb=1 model.pkl >"$out/delta.xz"
xz -c --block-size=500 numbers.txt >"$out/blocks.xz"
lzma -c numbers.txt >"$out/plain.lzma"
python3 - "$out" <<'EOF'
import lzma, sys, zipfile, zlib, io, bz2
out = sys.argv[1]
text = open("numbers.txt", "rb").read()
pkl = open("model.pkl", "rb").read()
for level, name in ((1, "fast"), (6, "default"), (9, "best"), (0, "stored")):
    open(out + "/" + name + ".zlib", "wb").write(zlib.compress(pkl, level))
# liblzma writes no size, and an end marker; other encoders write a size: give the header one as well.
b = bytearray(lzma.compress(text, lzma.FORMAT_ALONE))
b[5:13] = len(text).to_bytes(8, "little")
open(out + "/python.lzma", "wb").write(b)

def entry(name, method=zipfile.ZIP_STORED):
    i = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
    i.compress_type, i.external_attr = method, 0o644 << 16
    return i

with zipfile.ZipFile(out + "/python.zip", "w") as z:
    z.comment = b"an honest comment"
    z.writestr(entry("stored.txt"), text)
    for m in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        z.writestr(entry("packed-%d.txt" % m, m), text)
    z.writestr(entry("folder/"), b"")
    z.writestr(entry("empty"), b"")
    z.writestr(entry("umlaut-\u00fc.txt", zipfile.ZIP_DEFLATED), text)
    with z.open(entry("big", zipfile.ZIP_DEFLATED), "w", force_zip64=True) as f:
        f.write(text)

class Pipe(io.RawIOBase):
    def __init__(self, f): self.f = f
    def writable(self): return True
    def seekable(self): return False
    def write(self, b): return self.f.write(b)

with open(out + "/python-streamed.zip", "wb") as f, zipfile.ZipFile(Pipe(f), "w") as z:
    z.writestr(entry("a.txt", zipfile.ZIP_DEFLATED), text)
    z.writestr(entry("b.txt"), b"stored in a stream")
    with z.open(entry("big", zipfile.ZIP_DEFLATED), "w", force_zip64=True) as g:
        g.write(text)
    z.writestr(entry("empty"), b"")
zipfile.ZipFile(out + "/python-empty.zip", "w").close()
for i in range(2):
    with zipfile.ZipFile(out + "/python-appended.zip", "a") as z:
        z.writestr(entry("part-%d.txt" % i), text)
with zipfile.ZipFile(out + "/python-nested.zip", "w") as z:
    z.writestr(entry("inner.zip"), open(out + "/python-streamed.zip", "rb").read())
with zipfile.ZipFile(out + "/python-one.zip", "w") as z:
    z.writestr(entry("model.pkl"), pkl)
EOF
zstd -qc numbers.txt >"$out/plain.zst"
zstd -qc --no-check numbers.txt >"$out/nocheck.zst"
zstd -qc <numbers.txt >"$out/streamed.zst"
{ zstd -qc hello.txt; printf '\120\052\115\030\004\000\000\000skip'; zstd -qc numbers.txt; } >"$out/frames.zst"
lz4 -qc numbers.txt >"$out/plain.lz4"
lz4 -qc -BD --content-size numbers.txt >"$out/linked.lz4"
lz4 -qc -BX --no-frame-crc numbers.txt >"$out/blocksum.lz4"
lz4 -qc -l numbers.txt >"$out/legacy.lz4"
{ lz4 -qc hello.txt; lz4 -qc numbers.txt; } >"$out/frames.lz4"
# torch's own layout: data aligned by a field of padding, zip64 records always. Left as it is where torch is not installed.
/usr/bin/python3 -c 'import sys, torch; torch.save({"weights": torch.arange(20), "none": torch.zeros(0), "s": "honest"}, sys.argv[1])' "$out/torch.zip" || true
mv "$out"/* "$here/"
