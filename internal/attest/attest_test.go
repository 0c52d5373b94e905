package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// model gives the files of the model that testdata/make/signatures.sh has signed.
func model(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := filepath.Join("testdata", "model")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		rel, err := filepath.Rel(root, name)
		files[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files of the model: %v", len(files), err)
	}
	return files
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func key(t testing.TB, curve string) *Key {
	t.Helper()
	k, err := ParseKey(curve, read(t, curve+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var curves = []string{"prime256v1", "secp384r1", "secp521r1"}

// TestRealSignatures: what the reference implementation has signed is verified, with whichever of the keys.
func TestRealSignatures(t *testing.T) {
	var keys []*Key
	for _, c := range curves {
		keys = append(keys, key(t, c))
	}
	for _, c := range curves {
		k, err := Verify(read(t, c+".sig"), keys, model(t))
		if err != nil || k.Name != c {
			t.Errorf("%s: key %v, %v", c, k, err)
		}
	}
}

func TestNotSigned(t *testing.T) {
	sig, mine := read(t, "prime256v1.sig"), []*Key{key(t, "prime256v1")}
	with := func(change func(map[string]string)) map[string]string {
		files := maps.Clone(model(t))
		change(files)
		return files
	}
	other := strings.Repeat("0", 64)
	for _, c := range []struct {
		name  string
		sig   []byte
		keys  []*Key
		files map[string]string
		want  string
	}{
		{"no keys", sig, nil, model(t), "none of the keys"},
		{"another key", sig, []*Key{key(t, "secp384r1")}, model(t), "none of the keys"},
		{"a file more", sig, mine, with(func(m map[string]string) { m["data/more.pkl"] = other }), `"data/more.pkl" is not among the signed files`},
		{"an ignored file more", sig, mine, with(func(m map[string]string) { m[".git/hooks/post-checkout"] = other }), "is not among"},
		{"a file changed", sig, mine, with(func(m map[string]string) { m["data/model.bin"] = other }), `"data/model.bin" was changed`},
		{"a file gone", sig, mine, with(func(m map[string]string) { delete(m, "MLmodel") }), `"MLmodel" was signed and is not there`},
		{"nothing", nil, mine, model(t), "cannot be read"},
		{"other JSON", []byte(`{}`), mine, model(t), "not a Sigstore bundle"},
		{"payload changed", swapPayload(t, sig, func(p []byte) []byte { return bytes.Replace(p, []byte("MLmodel"), []byte("MLmodeL"), 1) }), mine, model(t), "none of the keys"},
		{"payload longer", swapPayload(t, sig, func(p []byte) []byte { return append(p, ' ') }), mine, model(t), "none of the keys"},
		{"too large", bytes.Repeat([]byte(" "), MaxBundle+1), mine, model(t), "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := Verify(c.sig, c.keys, c.files)
			if k != nil || !errors.Is(err, ErrNotSigned) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("key %v, %v; want an error with %q", k, err, c.want)
			}
		})
	}
}

// swapPayload changes what was signed, and leaves the signature.
func swapPayload(t *testing.T, sig []byte, change func([]byte) []byte) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(sig, &b); err != nil {
		t.Fatal(err)
	}
	e := b["dsseEnvelope"].(map[string]any)
	p, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	e["payload"] = base64.StdEncoding.EncodeToString(change(p))
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestContradictions: statements whose signature would be right, and which still vouch for nothing.
func TestContradictions(t *testing.T) {
	var b bundle
	if err := json.Unmarshal(read(t, "prime256v1.sig"), &b); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(b.Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := covers(payload, model(t)); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"method": "files"`:                          `"method": "shards"`,
		`"hash_type": "sha256"`:                      `"hash_type": "blake2b"`,
		`"_type": "https://in-toto.io/Statement/v1"`: `"_type": "https://in-toto.io/Statement/v0.1"`,
		`"MLmodel"`:                                  `"data/model.bin"`,
		`"algorithm": "sha256"`:                      `"algorithm": "md5"`,
		`"resources": [`:                             `"resources": [], "x": [`,
	} {
		if !bytes.Contains(payload, []byte(from)) {
			t.Fatalf("the statement has no %s", from)
		}
		if err := covers(bytes.Replace(payload, []byte(from), []byte(to), 1), model(t)); !errors.Is(err, ErrNotSigned) {
			t.Errorf("with %s: %v", to, err)
		}
	}
	if err := covers(append(payload, []byte(`{"more":1}`)...), model(t)); !errors.Is(err, ErrNotSigned) {
		t.Errorf("with more after it: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no PEM": "key", "a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"broken": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		// An Ed25519 key of RFC 8410, section 10.1.
		"another kind": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
	} {
		if k, err := ParseKey(name, []byte(text)); err == nil {
			t.Errorf("%s gave %v", name, k)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, c := range curves {
		f.Add(read(f, c+".sig"))
	}
	keys, files := []*Key{key(f, "prime256v1")}, model(f)
	honest := read(f, "prime256v1.sig")
	f.Fuzz(func(t *testing.T, sig []byte) {
		k, err := Verify(sig, keys, files)
		if (k == nil) == (err == nil) {
			t.Fatalf("%v, %v", k, err)
		}
		if err == nil {
			var got, want bundle
			if json.Unmarshal(sig, &got) != nil || json.Unmarshal(honest, &want) != nil || got.Envelope.Payload != want.Envelope.Payload {
				t.Fatalf("something else was verified: %s", sig)
			}
		}
	})
}
