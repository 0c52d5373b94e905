package serving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// Bounds of what is registered or loaded.
const (
	maxArchive   = 50 << 30 // bytes
	maxTreeFiles = 10_000
	fetchTime    = 30 * time.Minute
)

// plainName says whether s can name an archive in the model store, or a model: nothing that a path, a URL or a command line reads in another way.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'; !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// archiveName splits the url of a registration: the file's name, and whether it has to be fetched first.
func archiveName(x *gateway.Exchange) (raw, file string, remote bool) {
	raw, _ = x.Param("url")
	if plainName(raw) {
		return raw, raw, false
	}
	if u, err := url.Parse(raw); err == nil {
		return raw, path.Base(u.Path), true
	}
	return raw, "", true
}

// checkArchive holds a registration against the configuration: an archive that lies in the model store, or below a listed address.
// Registering any URL is ShellTorch, CVE-2023-43654.
func checkArchive(ending, nameParam string) func(*gateway.Exchange) error {
	return func(x *gateway.Exchange) error {
		raw, file, remote := archiveName(x)
		if len(x.Upstream.Allow["model-store"]) != 1 {
			return hinted(refuse("archive-store", "nothing is registered through the gate until it knows the server's model store"), "allow: {model-store: [FOLDER]}")
		}
		if !plainName(file) || !strings.HasSuffix(file, ending) {
			return refuse("archive-name", fmt.Sprintf("url must name a %s archive in the model store, or below a listed store", ending))
		}
		if name, ok := x.Param(nameParam); ok && !plainName(name) {
			return refuse("archive-name", nameParam+" must be letters, digits, '.', '_' and '-'")
		}
		if remote && listedStore(x, raw) == "" {
			return hinted(refuse("archive-url", fmt.Sprintf("%s is not below a store that the configuration lists", show(raw))), "allow: {stores: [https://…/]}")
		}
		return nil
	}
}

// listedStore gives the listed address below which a URL lies, or nothing. The URL is compared as it will be fetched.
func listedStore(x *gateway.Exchange, raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || u.RawPath != "" || u.Scheme != "http" && u.Scheme != "https" || path.Clean(u.Path) != u.Path {
		return ""
	}
	for _, store := range x.Upstream.Allow["stores"] {
		s, err := url.Parse(store)
		if err == nil && strings.HasSuffix(s.Path, "/") && u.Scheme == s.Scheme && u.Host == s.Host && strings.HasPrefix(u.Path, s.Path) {
			return store
		}
	}
	return ""
}

// locateArchive is the model or workflow that a registration makes: the name that is given, else the archive's.
func locateArchive(kind, nameParam string) func(*gateway.Exchange) ([]auth.Resource, error) {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		name, ok := x.Param(nameParam)
		if !ok {
			_, file, _ := archiveName(x)
			name = strings.TrimSuffix(strings.TrimSuffix(file, ".mar"), ".war")
			// The archive's manifest may have another name: what was decided about must be what is registered.
			x.Query = append(x.Query, wire.Pair{Name: nameParam, Value: name})
		}
		return one(kind, name), nil
	}
}

// register has the archive judged and then registered under the name of the bytes that were judged.
func register(x *gateway.Exchange) error {
	raw, file, remote := archiveName(x)
	if x.Observing() { // it was written down what would have been refused
		return x.Forward()
	}
	dir := x.Upstream.Allow["model-store"][0]
	if !remote {
		if err := judgeFile(x, dir, file); err != nil {
			return err
		}
		return x.Forward()
	}
	it, err := fetchArchive(x, raw, file)
	if err != nil {
		return err
	}
	defer it.Discard()
	name := "weir-" + strings.TrimPrefix(it.Digest, "sha256:")[:16] + "-" + file
	if err := place(it, filepath.Join(dir, name)); err != nil {
		return err
	}
	for i := range x.Query {
		if x.Query[i].Name == "url" {
			x.Query[i].Value = name
		}
	}
	return x.Forward()
}

// judgeFile has a file of a folder judged. Links do not lead out of it.
func judgeFile(x *gateway.Exchange, dir, name string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wire.Refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "archive-store", fmt.Sprintf("weir gate: %s is not in the model store", show(name)))
	case err != nil:
		return err
	case !info.Mode().IsRegular(): // before it is opened: a pipe would wait for a writer
		return refuse("archive-store", fmt.Sprintf("%s is no regular file", show(name)))
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	it, err := x.Admit(f, intake.Meta{Name: name, To: "model store: " + name, Length: info.Size(), Max: maxArchive})
	if err != nil {
		return err
	}
	it.Discard()
	return nil
}

// fetchArchive gets an archive from a listed store. Redirects are not followed: they lead where nothing is listed.
func fetchArchive(x *gateway.Exchange, raw, file string) (*intake.Item, error) {
	ctx, cancel := context.WithTimeout(x.Ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ResponseHeaderTimeout: time.Minute, DisableCompression: true}
	defer t.CloseIdleConnections()
	res, err := t.RoundTrip(req)
	if err != nil {
		return nil, wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "archive-store", "weir gate: the store did not answer")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, wire.Refuse(http.StatusBadGateway, "RESOURCE_DOES_NOT_EXIST", "archive-store", fmt.Sprintf("weir gate: the store answered %d", res.StatusCode))
	}
	return x.Admit(res.Body, intake.Meta{Name: file, To: raw, Length: res.ContentLength, Max: maxArchive})
}

// place writes judged bytes into the model store: under another name first, so that nobody sees half of them.
func place(it *intake.Item, to string) error {
	from, err := it.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.CreateTemp(filepath.Dir(to), ".weir-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// loadModel has all files of a model's folder judged, then loads it.
func loadModel(x *gateway.Exchange) error {
	if x.Observing() {
		return x.Forward()
	}
	if len(x.Upstream.Allow["model-repository"]) != 1 {
		return hinted(refuse("load-repository", "nothing is loaded through the gate until it knows the server's model repository"), "allow: {model-repository: [FOLDER]}")
	}
	name := x.Vars["model"]
	if !plainName(name) {
		return refuse("load-repository", fmt.Sprintf("%s is no name of a model in the repository", show(name)))
	}
	root, err := os.OpenRoot(filepath.Join(x.Upstream.Allow["model-repository"][0], name))
	if errors.Is(err, fs.ErrNotExist) {
		return wire.Refuse(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "load-repository", fmt.Sprintf("weir gate: model %s is not in the repository", show(name)))
	}
	if err != nil {
		return err
	}
	defer root.Close()
	files := 0
	err = fs.WalkDir(root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if files++; files > maxTreeFiles || !d.Type().IsRegular() {
			return refuse("load-repository", fmt.Sprintf("the model has more than %d files, or one that is no regular file: %s", maxTreeFiles, show(file)))
		}
		return judgeFile(x, root.Name(), file)
	})
	if err != nil {
		return err
	}
	x.Forget(fmt.Sprintf("v2 metadata %q", []string{"v2", "models", name}))
	return x.Forward()
}
