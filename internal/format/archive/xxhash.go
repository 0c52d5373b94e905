package archive

import (
	"encoding/binary"
	"math/bits"
)

// xxh32 is the checksum of lz4 frames: xxHash 32 with seed 0.
type xxh32 struct {
	v    [4]uint32
	n    uint64
	buf  [16]byte
	fill int
}

const (
	xxPrime1 = 2654435761
	xxPrime2 = 2246822519
	xxPrime3 = 3266489917
	xxPrime4 = 668265263
	xxPrime5 = 374761393
)

func xxRound(v, in uint32) uint32 { return bits.RotateLeft32(v+in*xxPrime2, 13) * xxPrime1 }

func (x *xxh32) write(b []byte) {
	if x.n == 0 {
		p1 := uint32(xxPrime1)
		x.v = [4]uint32{p1 + xxPrime2, xxPrime2, 0, 0 - p1}
	}
	x.n += uint64(len(b))
	if x.fill > 0 {
		n := copy(x.buf[x.fill:], b)
		x.fill += n
		if b = b[n:]; x.fill < 16 {
			return
		}
		x.stripes(x.buf[:])
		x.fill = 0
	}
	whole := len(b) &^ 15
	x.stripes(b[:whole])
	x.fill = copy(x.buf[:], b[whole:])
}

func (x *xxh32) stripes(b []byte) {
	v0, v1, v2, v3 := x.v[0], x.v[1], x.v[2], x.v[3]
	for ; len(b) >= 16; b = b[16:] {
		v0 = xxRound(v0, binary.LittleEndian.Uint32(b))
		v1 = xxRound(v1, binary.LittleEndian.Uint32(b[4:]))
		v2 = xxRound(v2, binary.LittleEndian.Uint32(b[8:]))
		v3 = xxRound(v3, binary.LittleEndian.Uint32(b[12:]))
	}
	x.v = [4]uint32{v0, v1, v2, v3}
}

func (x *xxh32) sum() uint32 {
	h := uint32(xxPrime5)
	if x.n >= 16 {
		h = bits.RotateLeft32(x.v[0], 1) + bits.RotateLeft32(x.v[1], 7) + bits.RotateLeft32(x.v[2], 12) + bits.RotateLeft32(x.v[3], 18)
	}
	h += uint32(x.n)
	b := x.buf[:x.fill]
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	h ^= h >> 15
	h *= xxPrime2
	h ^= h >> 13
	h *= xxPrime3
	return h ^ h>>16
}

// xxh64 is the checksum of zstd frames: xxHash 64 with seed 0.
type xxh64 struct {
	v    [4]uint64
	n    uint64
	buf  [32]byte
	fill int
}

const (
	xxPrime64a = 11400714785074694791
	xxPrime64b = 14029467366897019727
	xxPrime64c = 1609587929392839161
	xxPrime64d = 9650029242287828579
	xxPrime64e = 2870177450012600261
)

func xxRound64(v, in uint64) uint64 { return bits.RotateLeft64(v+in*xxPrime64b, 31) * xxPrime64a }

func (x *xxh64) write(b []byte) {
	if x.n == 0 {
		p1 := uint64(xxPrime64a)
		x.v = [4]uint64{p1 + xxPrime64b, xxPrime64b, 0, 0 - p1}
	}
	x.n += uint64(len(b))
	if x.fill > 0 {
		n := copy(x.buf[x.fill:], b)
		x.fill += n
		if b = b[n:]; x.fill < 32 {
			return
		}
		x.stripes(x.buf[:])
		x.fill = 0
	}
	whole := len(b) &^ 31
	x.stripes(b[:whole])
	x.fill = copy(x.buf[:], b[whole:])
}

func (x *xxh64) stripes(b []byte) {
	v0, v1, v2, v3 := x.v[0], x.v[1], x.v[2], x.v[3]
	for ; len(b) >= 32; b = b[32:] {
		v0 = xxRound64(v0, binary.LittleEndian.Uint64(b))
		v1 = xxRound64(v1, binary.LittleEndian.Uint64(b[8:]))
		v2 = xxRound64(v2, binary.LittleEndian.Uint64(b[16:]))
		v3 = xxRound64(v3, binary.LittleEndian.Uint64(b[24:]))
	}
	x.v = [4]uint64{v0, v1, v2, v3}
}

func (x *xxh64) sum() uint64 {
	h := uint64(xxPrime64e)
	if x.n >= 32 {
		h = bits.RotateLeft64(x.v[0], 1) + bits.RotateLeft64(x.v[1], 7) + bits.RotateLeft64(x.v[2], 12) + bits.RotateLeft64(x.v[3], 18)
		for _, v := range x.v {
			h = (h^xxRound64(0, v))*xxPrime64a + xxPrime64d
		}
	}
	h += x.n
	b := x.buf[:x.fill]
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxRound64(0, binary.LittleEndian.Uint64(b)), 27)*xxPrime64a + xxPrime64d
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*xxPrime64a, 23)*xxPrime64b + xxPrime64c
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xxPrime64e, 11) * xxPrime64a
	}
	h ^= h >> 33
	h *= xxPrime64b
	h ^= h >> 29
	h *= xxPrime64c
	return h ^ h>>32
}
