package tensor

import (
	"bytes"
	"encoding/binary"

	"weir/internal/format"
	"weir/internal/format/archive"
)

// npz is numpy's zip of npy files. The zip reader follows it; each array comes back from the engine as npy.
var npz = format.Format{
	Name: "npz", Doc: "NumPy archive of arrays (.npz)", Framework: "numpy", Model: true, Parsed: true,
	Supersedes: []string{archive.Zip.Name},
	Match:      matchNPZ,
	Parse:      archive.Zip.Parse,
}

// matchNPZ asks that the first local header and the last one in the directory both name a .npy file. The engine examines other members
// all the same; this only decides what the file is called.
func matchNPZ(h format.Head) bool {
	if !archive.Zip.Match(h) {
		return false
	}
	first, ok := zipName(h.First, 26, 30)
	if !ok || !bytes.HasSuffix(first, []byte(".npy")) {
		return false
	}
	i := bytes.LastIndex(h.Last, []byte("PK\x01\x02"))
	if i < 0 {
		return false
	}
	last, ok := zipName(h.Last[i:], 28, 46)
	return ok && bytes.HasSuffix(last, []byte(".npy"))
}

// zipName cuts the name out of a zip header, given where its length and where the name itself stand.
func zipName(b []byte, length, start int) ([]byte, bool) {
	if len(b) < start {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint16(b[length:]))
	if n == 0 || len(b) < start+n {
		return nil, false
	}
	return b[start : start+n], true
}
