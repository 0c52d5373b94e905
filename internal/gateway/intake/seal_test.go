package intake

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func sealed(t testing.TB, key []byte, plain string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := seal(&b, key, bytes.NewReader([]byte(plain))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(key, b []byte) (string, error) {
	r, err := unseal(bytes.NewReader(b), key)
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(r)
	return string(plain), err
}

// TestSeal: what was sealed comes back, whatever its length, and any change, cut or swap of its chunks is noticed.
func TestSeal(t *testing.T) {
	key := bytes.Repeat([]byte{7}, keySize)
	for _, size := range []int{0, 1, sealChunk - 1, sealChunk, sealChunk + 1, 2 * sealChunk, 2*sealChunk + 5} {
		plain := string(bytes.Repeat([]byte{'p'}, size))
		b := sealed(t, key, plain)
		if got, err := opened(key, b); err != nil || got != plain {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
	const chunk = sealChunk + 16
	head := len(sealMagic) + sealSalt
	b := sealed(t, key, string(bytes.Repeat([]byte{'p'}, 2*sealChunk+5)))
	swapped := bytes.Clone(b)
	copy(swapped[head:], b[head+chunk:head+2*chunk])
	copy(swapped[head+chunk:], b[head:head+chunk])
	bit := bytes.Clone(b)
	bit[len(bit)-1] ^= 1
	other := bytes.Clone(key)
	other[0] ^= 1
	for name, c := range map[string]struct{ key, b []byte }{
		"last chunk cut off": {key, b[:head+2*chunk]}, "cut within a chunk": {key, b[:len(b)-1]}, "chunks swapped": {key, swapped}, "one bit": {key, bit},
		"another key": {other, b}, "head only": {key, b[:head]}, "nothing": {key, nil}, "another magic": {key, append([]byte("x"), b...)},
		"a chunk more": {key, append(bytes.Clone(b), b[head:head+chunk]...)},
	} {
		if _, err := opened(c.key, c.b); !errors.Is(err, errSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzUnseal: whatever lies in the quarantine's folder is an error or what was sealed, never a panic.
func FuzzUnseal(f *testing.F) {
	key := bytes.Repeat([]byte{7}, keySize)
	f.Add(sealed(f, key, "plain"))
	f.Add([]byte(sealMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := opened(key, b); err == nil && plain != "plain" && plain != "" {
			t.Errorf("%q was never sealed", plain)
		}
	})
}
