package flow

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// Presigned addresses lead past every door to the bucket itself, so the gate gives out addresses of its own in their place. Whoever has one may
// send or fetch that one file for a while, as with the bucket's; the bytes go through the intake like all others.

// transferPath is the first segment of these addresses.
const transferPath = "weir-transfer"

// ticketPrefix begins the segment that is the secret of such an address. What has the form of weir's secrets is masked in the audit log, also where a request
// is refused before a flow sees it.
const ticketPrefix = "weir_"

// TransferRoutes are the lines of the table for the addresses that the gate gives out. They need no account: the secret in the path is what its
// holder was given.
func TransferRoutes() []gateway.Route {
	const files, parts = "/" + transferPath + "/files/{ticket}/{name}", "/" + transferPath + "/parts/{upload}/{part}"
	return []gateway.Route{
		{Method: http.MethodPut, Path: parts, Resource: "artifact", Action: auth.Write, Public: true, Body: gateway.Stream, Query: []string{"*"}, Flow: putPart},
		{Method: http.MethodPut, Path: files, Resource: "artifact", Action: auth.Write, Public: true, Body: gateway.Stream, Query: []string{"*"}, Flow: putFile},
		{Method: http.MethodGet, Path: files, Resource: "artifact", Action: auth.Download, Public: true, Query: []string{"*"}, Flow: getFile},
	}
}

// putPart takes in one part of an upload.
func putPart(x *gateway.Exchange) error {
	x.Record.Path = "/" + transferPath + "/parts/…/" + x.Vars["part"] // the rest is a secret
	n, err := x.Intake()
	if err != nil {
		return err
	}
	u, err := n.Upload(strings.TrimPrefix(x.Vars["upload"], ticketPrefix))
	if err != nil || u.Meta.Server != x.Upstream.Name {
		return intake.ErrNoUpload
	}
	part, err := strconv.Atoi(x.Vars["part"])
	if err != nil {
		return intake.ErrNoUpload
	}
	x.Record.Who = u.Meta.Who
	tag, err := u.Put(x.Ctx, part, bodyOf(x), x.Length)
	if err != nil {
		return err
	}
	x.W.Header().Set("ETag", `"`+tag+`"`)
	return x.Answer(http.StatusOK, "", nil)
}

// grant is what an address of the gate's stands for.
type grant struct {
	server, workspace string
	who               auth.Principal
	about             []auth.Resource
	write             bool
	root              root
	path              string
	upload            wire.Object // the request that asks the server for its own address when the file is delivered
}

// Lifetimes of addresses. Clouds allow seven days, but who has one needs no token any more, and a token that is revoked shall end what it opened.
const (
	grantTime = 15 * time.Minute
	grantMost = time.Hour
)

func lifetime(x *gateway.Exchange) time.Duration {
	if s, ok := number(x.JSON, "expiration"); ok && s > 0 {
		return min(time.Duration(s)*time.Second, grantMost)
	}
	return grantTime
}

// address makes an address of the gate's own.
func address(x *gateway.Exchange, g grant) (string, error) {
	n, err := x.Intake()
	if err != nil {
		return "", err
	}
	g.server, g.workspace, g.who, g.about = x.Upstream.Name, x.Header.Get(Workspace), x.Who, x.Resources
	id, err := n.Ticket(g, lifetime(x))
	if err != nil {
		return "", err
	}
	return x.Here() + wire.EncodePath([]string{transferPath, "files", ticketPrefix + id, fileName(g.path)}, false), nil
}

func fileName(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// granted finds what an address stands for.
func granted(x *gateway.Exchange, write bool) (grant, error) {
	x.Record.Path = "/" + transferPath + "/files/…/" + x.Vars["name"]
	n, err := x.Intake()
	if err != nil {
		return grant{}, err
	}
	v, _ := n.Redeem(strings.TrimPrefix(x.Vars["ticket"], ticketPrefix))
	g, ok := v.(grant)
	if !ok || g.server != x.Upstream.Name || g.write != write {
		return grant{}, wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", "transfer", "this address is over or was never given out")
	}
	x.Record.Who, x.Who, x.Resources = g.who.Name, g.who, g.about
	if x.Header.Del(Workspace); g.workspace != "" {
		x.Header.Set(Workspace, g.workspace)
	}
	return g, nil
}

func getFile(x *gateway.Exchange) error {
	g, err := granted(x, false)
	if err != nil {
		return err
	}
	if err := x.CountDownload(); err != nil {
		return err
	}
	return serve(x, g.root, g.path, false)
}

// PresignedArtifact answers GET …/mlflow-artifacts/presigned/PATH with an address of the gate's. The server is asked all the same: where it knows
// no such addresses, clients hear that and use another way.
func PresignedArtifact(x *gateway.Exchange) error {
	p := x.Vars[pathVar]
	return presigned(x, proxied(""), p, "url")
}

// PresignDownload answers POST …/artifacts/presigned-download-url.
func PresignDownload(x *gateway.Exchange) error {
	id := field(x.JSON, "run_id")
	r, err := runRoot(x, id)
	if err != nil {
		return err
	}
	r.get = ofRun(id, r.at).get
	return presigned(x, r, field(x.JSON, "path"), "presigned_url")
}

// presigned replaces the address in the server's answer.
func presigned(x *gateway.Exchange, r root, p, name string) error {
	o, ok, err := serversOwn(x)
	if err != nil || !ok {
		return err
	}
	url, err := address(x, grant{root: r, path: p})
	if err != nil {
		return err
	}
	o[name], o["headers"] = url, map[string]string{}
	return answerJSON(x, o)
}

// serversOwn forwards the request and reads the answer; ok is false when it was no success and has gone to the client as it is.
func serversOwn(x *gateway.Exchange) (o wire.Object, ok bool, err error) {
	res, err := x.Fetch()
	if err != nil {
		return nil, false, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, false, x.Relay(res)
	}
	defer res.Body.Close()
	o, err = readObject(res.Body)
	return o, err == nil, err
}

// PresignUpload answers POST …/artifacts/presigned-upload-url with an address of the gate's. When the file has come and was judged, the gate asks
// the server for an address of its own and delivers it there.
func PresignUpload(x *gateway.Exchange) error {
	var r root
	var err error
	if id := field(x.JSON, "run_id"); id != "" {
		r, err = runRoot(x, id)
	} else {
		r, err = loggedRoot(x, field(x.JSON, "model_id"))
	}
	if err != nil {
		return err
	}
	o, ok, err := serversOwn(x)
	if err != nil || !ok {
		return err
	}
	url, err := address(x, grant{write: true, root: r, path: field(x.JSON, "path"), upload: x.JSON})
	if err != nil {
		return err
	}
	o["presigned_url"], o["headers"] = url, map[string]string{}
	return answerJSON(x, o)
}

// putFile takes in a file for which an address was given out, and delivers it to the bucket.
func putFile(x *gateway.Exchange) error {
	g, err := granted(x, true)
	if err != nil {
		return err
	}
	return takeIn(x, g.root.at, g.path, nil, func(f *os.File, size int64) (*http.Response, error) {
		o, status, err := x.Ask(http.MethodPost, api(x, "api", "2.0", "mlflow", "artifacts", "presigned-upload-url"), nil, g.upload)
		if err != nil {
			return nil, err
		}
		url := field(o, "presigned_url")
		if status != http.StatusOK || url == "" {
			return nil, wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "transfer", "the server gives no address for the upload any more")
		}
		return deliver(x, url, o["headers"], f, size)
	})
}
