package intake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A sealed file is: magic, 16 bytes of salt, then chunks. Each chunk is AES-256-GCM over 64 KiB of plain text, the last one shorter; its nonce
// is the chunk's number (11 bytes, big-endian) and a byte that is 1 in the last chunk, so that chunks can be neither moved nor cut off (the
// STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár 2015). The key is derived from the vault's key and the salt by HKDF-SHA256 and used
// for this file alone, so that numbers as nonces never repeat.
const (
	sealMagic = "weir/sealed/1\n"
	sealSalt  = 16
	sealChunk = 64 << 10
)

// errSealed is wrapped by every error about a sealed file's content.
var errSealed = errors.New("sealed file is damaged or was sealed with another key")

func sealer(key, salt []byte) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, salt, "weir quarantine file", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func nonce(n uint64, last bool) []byte {
	var b [12]byte
	binary.BigEndian.PutUint64(b[3:11], n)
	if last {
		b[11] = 1
	}
	return b[:]
}

// seal writes r to w.
func seal(w io.Writer, key []byte, r io.Reader) error {
	salt := make([]byte, sealSalt)
	rand.Read(salt)
	a, err := sealer(key, salt)
	if err != nil {
		return err
	}
	if _, err := w.Write(append([]byte(sealMagic), salt...)); err != nil {
		return err
	}
	// One chunk is held back until it is known whether another follows.
	plain, next := make([]byte, sealChunk), make([]byte, sealChunk)
	out := make([]byte, 0, sealChunk+a.Overhead())
	k, err := readFull(r, plain)
	for n := uint64(0); ; n++ {
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		more := 0
		if err == nil {
			more, err = readFull(r, next)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		out = a.Seal(out[:0], nonce(n, more == 0), plain[:k], nil)
		if _, werr := w.Write(out); werr != nil {
			return werr
		}
		if more == 0 {
			return nil
		}
		plain, next, k = next, plain, more
	}
}

// unsealer reads a sealed file. What it gives was verified; it gives io.EOF only behind a whole file.
type unsealer struct {
	r     io.Reader
	a     cipher.AEAD
	n     uint64
	in    []byte // a chunk that was read and one byte more, which tells whether it is the last
	held  int
	plain []byte
	last  bool
}

func unseal(r io.Reader, key []byte) (io.Reader, error) {
	head := make([]byte, len(sealMagic)+sealSalt)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: %w", errSealed, err)
	}
	if string(head[:len(sealMagic)]) != sealMagic {
		return nil, errSealed
	}
	a, err := sealer(key, head[len(sealMagic):])
	if err != nil {
		return nil, err
	}
	return &unsealer{r: r, a: a, in: make([]byte, sealChunk+a.Overhead()+1)}, nil
}

// Read implements io.Reader.
func (u *unsealer) Read(p []byte) (int, error) {
	for len(u.plain) == 0 {
		if u.last {
			return 0, io.EOF
		}
		if err := u.chunk(); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.plain)
	u.plain = u.plain[n:]
	return n, nil
}

func (u *unsealer) chunk() error {
	k, err := readFull(u.r, u.in[u.held:])
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	k += u.held
	whole := len(u.in) - 1
	u.last = k <= whole
	sealed := u.in[:min(k, whole)]
	plain, err := u.a.Open(nil, nonce(u.n, u.last), sealed, nil)
	if err != nil {
		return errSealed
	}
	u.n++
	if u.held = 0; !u.last {
		u.in[0], u.held = u.in[whole], 1
	}
	u.plain = plain
	return nil
}
