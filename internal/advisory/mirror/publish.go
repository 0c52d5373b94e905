package mirror

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"weir/internal/advisory"
)

// Publication says how a repository is made.
type Publication struct {
	Folder   string        // of the repository: what a web server hands out
	Keys     string        // folder of the private keys; made, with new keys, where it is not there
	Database string        // the file to publish; empty: the one that is published already, signed anew
	Valid    time.Duration // of the timestamp; 0: seven days. Sign anew before it ends.
	Now      time.Time
}

const (
	databaseName = "advisories.db"
	rootValid    = 366 * 24 * time.Hour
	maxDatabase  = 1 << 30
)

// Publish makes or renews a signed repository. Clients see nothing of it until its last step, the new timestamp.
func Publish(p Publication) error {
	if p.Valid == 0 {
		p.Valid = 7 * 24 * time.Hour
	}
	if err := os.MkdirAll(filepath.Join(p.Folder, "targets"), 0o755); err != nil {
		return err
	}
	keys := map[string]ed25519.PrivateKey{}
	for _, r := range []string{roleRoot, roleTargets, roleTimestamp} {
		k, err := loadKey(filepath.Join(p.Keys, r+".pem"))
		if err != nil {
			return err
		}
		keys[r] = k
	}
	if err := p.root(keys); err != nil {
		return err
	}
	var oldTargets targets
	var oldTimestamp timestamp
	// One's own folder, whose signatures may be of keys that were replaced since.
	if err := unsigned(filepath.Join(p.Folder, "timestamp.json"), &oldTimestamp); err != nil {
		return err
	}
	if v := oldTimestamp.Targets.Version; v > 0 {
		if err := unsigned(filepath.Join(p.Folder, fmt.Sprintf("%d.targets.json", v)), &oldTargets); err != nil {
			return err
		}
	}
	file := oldTargets.Files[databaseName]
	var err error
	if p.Database != "" {
		if file, err = p.copyDatabase(); err != nil {
			return err
		}
	} else if file.SHA256 == "" {
		return errors.New("nothing is published yet: name the database")
	}
	t := targets{head{roleTargets, oldTargets.Version + 1, p.Now.Add(rootValid / 4).UTC()}, map[string]pointer{databaseName: file}}
	data, err := sign(t, keys[roleTargets])
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(p.Folder, fmt.Sprintf("%d.targets.json", t.Version)), data); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	stamp := timestamp{head{roleTimestamp, oldTimestamp.Version + 1, p.Now.Add(p.Valid).UTC()}, pointer{t.Version, int64(len(data)), hex.EncodeToString(sum[:])}}
	if data, err = sign(stamp, keys[roleTimestamp]); err != nil {
		return err
	}
	return replace(filepath.Join(p.Folder, "timestamp.json"), data)
}

// unsigned reads what a signed file says; one that is not there says nothing.
func unsigned(name string, into any) error {
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if err := json.Unmarshal(e.Signed, into); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// root makes the repository's first root, and leaves a newer one as it is; one that ends within a quarter of its time, or that names other keys than
// those at hand, is followed by a new one.
func (p *Publication) root(keys map[string]ed25519.PrivateKey) error {
	want := root{head{roleRoot, 1, p.Now.Add(rootValid).UTC()}, map[string]string{}, map[string]role{}}
	for name, k := range keys {
		public := k.Public().(ed25519.PublicKey)
		want.Keys[keyID(public)] = base64.StdEncoding.EncodeToString(public)
		want.Roles[name] = role{[]string{keyID(public)}, 1}
	}
	var old *root
	for v := int64(1); ; v++ {
		name := fmt.Sprintf("%d.root.json", v)
		data, err := os.ReadFile(filepath.Join(p.Folder, name))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		if old, err = openRoot(name, data); err != nil {
			return err
		}
	}
	if old != nil {
		if !want.sameKeys(old, roleRoot) {
			return fmt.Errorf("the root key in %q is not that of the repository: clients would refuse it", p.Keys)
		}
		if old.Expires.After(p.Now.Add(rootValid/4)) && want.sameKeys(old, roleTargets) && want.sameKeys(old, roleTimestamp) {
			return nil
		}
		want.Version = old.Version + 1
	}
	data, err := sign(want, keys[roleRoot])
	if err != nil {
		return err
	}
	return replace(filepath.Join(p.Folder, fmt.Sprintf("%d.root.json", want.Version)), data)
}

// copyDatabase checks the database and puts it where its digest names it.
func (p *Publication) copyDatabase() (pointer, error) {
	if err := advisory.Check(p.Database); err != nil {
		return pointer{}, fmt.Errorf("database %q: %w", p.Database, err)
	}
	f, err := os.Open(p.Database)
	if err != nil {
		return pointer{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDatabase+1))
	if err != nil {
		return pointer{}, err
	}
	if len(data) > maxDatabase {
		return pointer{}, fmt.Errorf("database %q: more than %d bytes", p.Database, maxDatabase)
	}
	sum := sha256.Sum256(data)
	at := pointer{Length: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	return at, replace(filepath.Join(p.Folder, "targets", at.SHA256+"."+databaseName), data)
}

// sign makes a signed file.
func sign(v any, key ed25519.PrivateKey) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	e := envelope{Signed: body, Signatures: []signature{{keyID(key.Public().(ed25519.PublicKey)), ed25519.Sign(key, append([]byte(signedFor), body...))}}}
	return json.Marshal(e)
}

// loadKey reads a private key (PKCS #8, PEM), or makes one that only its owner may read.
func loadKey(name string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
		return key, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("key %q: not PEM", name)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key %q: not an Ed25519 key", name)
	}
	return key, nil
}

// replace writes a file in one step.
func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".weir-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
