package flow

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"weir/internal/attest"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// signed refuses a model unless one of the upstream's signers vouches for all its files. Without signers nothing is demanded.
func signed(x *gateway.Exchange, n *intake.Intake, r root, dir, what string) error {
	if len(x.Upstream.Signers) == 0 {
		return nil
	}
	names, err := walk(x, r, dir)
	if err != nil {
		return err
	}
	files := make(map[string]string, len(names))
	var bundle []byte
	for _, p := range names {
		if inner(dir, p) == attest.SignatureFile {
			if bundle, err = readSignature(x, n, r, p); err != nil {
				return err
			}
			continue
		}
		digest, err := digestOf(x, n, r, p)
		if err != nil {
			return err
		}
		files[inner(dir, p)] = strings.TrimPrefix(digest, "sha256:")
	}
	if bundle == nil {
		return wire.Refuse(http.StatusUnprocessableEntity, "INVALID_PARAMETER_VALUE", "signature", fmt.Sprintf("%s has no signature: sign its folder and log %s beside its MLmodel", what, attest.SignatureFile))
	}
	key, err := attest.Verify(bundle, x.Upstream.Signers, files)
	if err != nil {
		return wire.Refuse(http.StatusUnprocessableEntity, "INVALID_PARAMETER_VALUE", "signature", fmt.Sprintf("%s: %v", what, err))
	}
	if x.Record.More == nil {
		x.Record.More = map[string]any{}
	}
	x.Record.More["signed"] = key.Name
	return nil
}

// digestOf gives the digest of a file that is known, or fetches it.
func digestOf(x *gateway.Exchange, n *intake.Intake, r root, p string) (string, error) {
	place, found, err := n.PlaceOf(x.Ctx, x.Upstream.Name, join(r.at, p))
	if err != nil {
		return "", err
	}
	if found && place.Digest != unfinished {
		return place.Digest, nil
	}
	it, err := fetch(x, n, r, p, false)
	if err != nil {
		return "", gone(err, p)
	}
	defer it.Discard()
	return it.Digest, nil
}

func readSignature(x *gateway.Exchange, n *intake.Intake, r root, p string) ([]byte, error) {
	it, err := fetch(x, n, r, p, false)
	if err != nil {
		return nil, gone(err, p)
	}
	defer it.Discard()
	f, err := it.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, attest.MaxBundle+1))
}

// gone makes an answer of a file that is listed and cannot be had.
func gone(err error, p string) error {
	var no *noFile
	if errors.As(err, &no) {
		return wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "artifacts", fmt.Sprintf("the server lists %q and does not hand it out (%d)", p, no.status))
	}
	return err
}
