package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The files of a log.
const (
	liveName = "audit.jsonl"
	headName = "audit.head"
	keyName  = "audit.key"
	pubName  = "audit.pub"
	lockName = "audit.lock"
)

// head is the content of audit.head: the newest signed end.
type head struct {
	Seq    uint64    `json:"seq"`  // of the last line that it covers; 0: none
	Hash   string    `json:"hash"` // of that line
	Time   time.Time `json:"time"`
	Closed bool      `json:"closed"` // the log was ended in order: nothing may follow
	Sig    string    `json:"sig"`
}

// signed is what a signature is over.
func signed(what string, seq uint64, hash string, at time.Time, closed bool) []byte {
	return fmt.Appendf(nil, "weir audit v1\n%s\n%d\n%s\n%s\n%t\n", what, seq, hash, at.UTC().Format(time.RFC3339Nano), closed)
}

func sign(key ed25519.PrivateKey, what string, seq uint64, hash string, at time.Time, closed bool) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed(what, seq, hash, at, closed)))
}

func checkSignature(key ed25519.PublicKey, sig, what string, seq uint64, hash string, at time.Time, closed bool) bool {
	raw, err := base64.StdEncoding.DecodeString(sig)
	return err == nil && ed25519.Verify(key, signed(what, seq, hash, at, closed), raw)
}

// genesis is the prev of a log's first line.
func genesis(key ed25519.PublicKey) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("weir audit v1\n"), key...))
}

// loadKey reads the signing key, or makes it. Others than its owner must not be able to read it.
func loadKey(file string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(file)
	}
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("audit key %q may be read by others (mode %04o): chmod 600 it, and make a new one if somebody could have", file, info.Mode().Perm())
	}
	text, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("audit key %q is not %d hex digits", file, 2*ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func makeKey(file string) (ed25519.PrivateKey, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(file, []byte(hex.EncodeToString(key.Seed())+"\n"), 0o600); err != nil {
		return nil, err
	}
	return key, replaceFile(filepath.Join(filepath.Dir(file), pubName), []byte(hex.EncodeToString(pub)+"\n"), 0o644)
}

// loadPublic reads audit.pub.
func loadPublic(file string) (ed25519.PublicKey, error) {
	text, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("public key %q is not %d hex digits", file, 2*ed25519.PublicKeySize)
	}
	return key, nil
}

func loadHead(dir string) (*head, error) {
	text, err := readSmall(filepath.Join(dir, headName))
	if err != nil {
		return nil, err
	}
	h := &head{}
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("%q: %w", filepath.Join(dir, headName), err)
	}
	return h, nil
}

// readSmall reads a file of at most 64 KiB.
func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<16 {
		return nil, fmt.Errorf("%q is not a small regular file", file)
	}
	buf := make([]byte, info.Size())
	n, err := f.ReadAt(buf, 0)
	if n < len(buf) {
		return nil, err
	}
	return buf, nil
}

// replaceFile writes a file beside and moves it into its place, so that a crash leaves the old or the new one.
func replaceFile(file string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
