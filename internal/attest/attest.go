// Package attest verifies who vouches for a model: signatures over all its files in the form of OpenSSF Model Signing, made with a private key.
//
// Start with [Verify].
package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// SignatureFile is the name that OpenSSF Model Signing gives the signature beside or within a model's folder.
const SignatureFile = "model.sig"

// MaxBundle bounds a signature in bytes: about 100,000 files.
const MaxBundle = 16 << 20

// The constants of the format: a Sigstore bundle that holds a DSSE envelope (secure-systems-lab/dsse, protocol.md, version 1) with an in-toto
// statement, whose predicate is that of OpenSSF Model Signing 1.0 (sigstore/model-transparency, model_signing/_signing/signing.py).
const (
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"
)

// ErrNotSigned is wrapped by every error of Verify that says that the signature does not vouch for these files.
var ErrNotSigned = errors.New("not signed")

func notSigned(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotSigned, fmt.Sprintf(format, args...))
}

// Key is somebody who may sign.
type Key struct {
	Name   string // for people: the file that it was read from
	public *ecdsa.PublicKey
	hint   string // what a bundle calls it: SHA-256 of its PEM form, in hex
}

// ParseKey reads a public key in PEM form (SubjectPublicKeyInfo). The curves are those that Model Signing allows: P-256, P-384 and P-521.
func ParseKey(name string, text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("key %q: no public key in PEM form", name)
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	public, ok := k.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() && public.Curve != elliptic.P384() && public.Curve != elliptic.P521() {
		return nil, fmt.Errorf("key %q: its kind is not one that models are signed with: P-256, P-384 or P-521", name)
	}
	sum := sha256.Sum256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: block.Bytes}))
	return &Key{Name: name, public: public, hint: hex.EncodeToString(sum[:])}, nil
}

// bundle is what is read of a signature file; other members of it do not matter for a signature by key.
type bundle struct {
	MediaType            string `json:"mediaType"`
	VerificationMaterial struct {
		PublicKey *struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload     string `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
	Predicate     struct {
		Serialization struct {
			Hash   string `json:"hash_type"`
			Method string `json:"method"`
		} `json:"serialization"`
		Resources []struct {
			Name      string `json:"name"`
			Digest    string `json:"digest"`
			Algorithm string `json:"algorithm"`
		} `json:"resources"`
	} `json:"predicate"`
}

// Verify says which of the keys vouches for exactly these files: every file that is there is signed with its digest, and every file that is
// signed is there. files maps paths below the model's folder, with slashes, to SHA-256 digests in hex; the signature itself is not among them.
// What the signature says that it leaves out (ignore_paths) is not believed: weir was asked about all files. Errors wrap ErrNotSigned.
func Verify(signature []byte, keys []*Key, files map[string]string) (*Key, error) {
	if len(signature) > MaxBundle {
		return nil, notSigned("the signature has more than %d bytes", MaxBundle)
	}
	var b bundle
	if err := json.Unmarshal(signature, &b); err != nil {
		return nil, notSigned("the signature cannot be read: %v", err)
	}
	switch {
	case b.MediaType != bundleType:
		return nil, notSigned("the signature is a %q, not a Sigstore bundle 0.3", b.MediaType)
	case b.VerificationMaterial.PublicKey == nil:
		return nil, notSigned("the signature was not made with a key")
	case b.Envelope.PayloadType != payloadType || len(b.Envelope.Signatures) != 1:
		return nil, notSigned("the envelope is not one in-toto statement with one signature")
	}
	payload, err := base64.StdEncoding.DecodeString(b.Envelope.Payload)
	if err != nil {
		return nil, notSigned("the statement is no base64")
	}
	sig, err := base64.StdEncoding.DecodeString(b.Envelope.Signatures[0].Sig)
	if err != nil {
		return nil, notSigned("the signature's bytes are no base64")
	}
	key := signer(keys, b.VerificationMaterial.PublicKey.Hint, payload, sig)
	if key == nil {
		return nil, notSigned("none of the keys that may sign made this signature")
	}
	if err := covers(payload, files); err != nil {
		return nil, err
	}
	return key, nil
}

// signer finds the key that made a signature. The hint only orders the search: it is not signed.
func signer(keys []*Key, hint string, payload, sig []byte) *Key {
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b *Key) int { return order(a.hint == hint) - order(b.hint == hint) })
	// DSSE's pre-authentication encoding binds the type to the bytes.
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload))
	message = append(message, payload...)
	for _, k := range keys {
		if ecdsa.VerifyASN1(k.public, k.digest(message), sig) {
			return k
		}
	}
	return nil
}

func order(first bool) int {
	if first {
		return 0
	}
	return 1
}

// digest hashes as Sigstore pairs curves with hashes: P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512.
func (k *Key) digest(message []byte) []byte {
	switch k.public.Curve {
	case elliptic.P384():
		sum := sha512.Sum384(message)
		return sum[:]
	case elliptic.P521():
		sum := sha512.Sum512(message)
		return sum[:]
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

// covers says whether a statement, whose signature is right, is about these files.
func covers(payload []byte, files map[string]string) error {
	var s statement
	d := json.NewDecoder(bytes.NewReader(payload))
	if err := d.Decode(&s); err != nil {
		return notSigned("the statement cannot be read: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return notSigned("something follows the statement")
	}
	switch {
	case s.Type != statementType || s.PredicateType != predicateType:
		return notSigned("the statement is not one of Model Signing 1.0")
	case s.Predicate.Serialization.Method != "files" || s.Predicate.Serialization.Hash != "sha256":
		return notSigned("the files were hashed by %q with %q; only whole files with sha256 are understood", s.Predicate.Serialization.Method, s.Predicate.Serialization.Hash)
	case len(s.Subject) != 1:
		return notSigned("the statement has %d subjects", len(s.Subject))
	}
	root := sha256.New()
	signed := make(map[string]string, len(s.Predicate.Resources))
	for _, r := range s.Predicate.Resources {
		sum, err := hex.DecodeString(r.Digest)
		if err != nil || len(sum) != sha256.Size || r.Algorithm != "sha256" {
			return notSigned("%q has no SHA-256", r.Name)
		}
		if _, twice := signed[r.Name]; twice {
			return notSigned("%q is signed twice", r.Name)
		}
		root.Write(sum)
		signed[r.Name] = strings.ToLower(r.Digest)
	}
	if hex.EncodeToString(root.Sum(nil)) != strings.ToLower(s.Subject[0].Digest["sha256"]) {
		return notSigned("the statement contradicts itself: its files do not add up to its subject")
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch digest, ok := signed[name]; {
		case !ok:
			return notSigned("%q is not among the signed files", name)
		case digest != strings.ToLower(files[name]):
			return notSigned("%q was changed after it was signed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		if _, ok := files[name]; !ok {
			return notSigned("%q was signed and is not there", name)
		}
	}
	return nil
}
