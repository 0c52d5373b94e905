package lab

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

type member struct {
	name string
	data []byte
}

// archive writes a zip file as torch does: stored, without descriptors or times, everything in one folder, and each member's data at a
// multiple of 64 bytes thanks to an extra field FB full of Z.
func archive(folder string, members []member) []byte {
	const localHeader, extraHeader, align = 30, 4, 64
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		name := folder + "/" + m.name
		if err := w.Flush(); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		pad := align - (b.Len()+localHeader+len(name)+extraHeader)%align
		extra := binary.LittleEndian.AppendUint16([]byte("FB"), uint16(pad))
		f, err := w.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(m.data), Extra: append(extra, bytes.Repeat([]byte("Z"), pad)...),
			CompressedSize64: uint64(len(m.data)), UncompressedSize64: uint64(len(m.data)),
		})
		if err == nil {
			_, err = f.Write(m.data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
