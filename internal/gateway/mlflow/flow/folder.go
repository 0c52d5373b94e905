package flow

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"weir"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
)

// A model is a folder whose files arrive one by one, and what is dangerous may show only when they lie together. So it is judged as a whole
// when it is registered, before it is deployed, and at the first download of something in it.

// judgedTime is how long a folder's verdict is believed without a look at its listing; a change through the gate forgets it at once.
const judgedTime = time.Minute

// mainFile makes a folder a model: mlflow.models.Model.load opens it.
const mainFile = "MLmodel"

// verdict is what became of a folder.
type verdict struct {
	digest string // of all files; empty: there are none
	report intake.Report
}

// folderOf finds the model in which a file lies and refuses when that may not go out. A folder that is no model is no matter.
func folderOf(x *gateway.Exchange, r root, p string) error {
	dir, ok, err := modelAround(x, r, p)
	if err != nil || !ok {
		return err
	}
	v, err := judgeFolder(x, r, dir)
	if err != nil {
		return err
	}
	return passes(x, v, "model "+join(r.at, dir))
}

// passes refuses what the policy does not let pass, and lists it in quarantine so that it can be released.
func passes(x *gateway.Exchange, v verdict, what string) error {
	n, err := x.Intake()
	if err != nil {
		return err
	}
	if v.digest == "" || n.Passes(&v.report) {
		return nil
	}
	return turnAway(x, n, v, what)
}

// turnAway refuses a folder that stays where it is, unless it was released since it was judged.
func turnAway(x *gateway.Exchange, n *intake.Intake, v verdict, what string) error {
	if now, found, err := n.Verdict(x.Ctx, v.digest); err != nil || found && now.Waived != "" {
		return err
	}
	if x.Observing() {
		x.Record.Observed = intake.Refuse(&v.report, what, "").Reason
		return nil
	}
	id, err := n.Note(x.Ctx, intake.Held{Digest: v.digest, Server: x.Upstream.Name, Name: what, To: what, Who: x.Who.Name, Report: v.report})
	if err != nil {
		return err
	}
	x.Record.Decision, x.Record.Digest = "quarantine", v.digest
	for i := range v.report.Findings {
		x.Record.Findings = append(x.Record.Findings, v.report.Findings[i].Rule)
	}
	return intake.Refuse(&v.report, what, id)
}

// maxAround bounds how many folders above a file are looked at.
const maxAround = 8

// modelAround finds the nearest folder around p that is a model. It looks no further than a run's own artifacts: below the proxy's root each
// run has a folder of that name.
func modelAround(x *gateway.Exchange, r root, p string) (dir string, ok bool, err error) {
	dir = path.Dir(p)
	for range maxAround {
		if dir == "." || dir == "/" {
			dir = ""
		}
		entries, err := listed(x, r, dir)
		if err != nil {
			return "", false, err
		}
		for _, e := range entries {
			if !e.dir && path.Base(e.path) == mainFile {
				return dir, true, nil
			}
		}
		if dir == "" || path.Base(dir) == "artifacts" {
			return "", false, nil
		}
		dir = path.Dir(dir)
	}
	return "", false, nil
}

// judgeFolder judges all files below a folder together. The client waits for it for a while; the work goes on, and the next request finds it.
func judgeFolder(x *gateway.Exchange, r root, dir string) (verdict, error) {
	type answer struct {
		v   verdict
		err error
	}
	done := make(chan answer, 1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Ctx), 2*time.Hour)
	own := apart(x, ctx)
	go func() {
		defer cancel()
		v, err := own.Remember("judged "+join(r.at, dir), judgedTime, func() (any, error) { return judgeNow(own, r, dir) })
		if err != nil {
			done <- answer{err: err}
			return
		}
		done <- answer{v: v.(verdict)}
	}()
	wait := time.NewTimer(holdTime)
	defer wait.Stop()
	select {
	case a := <-done:
		return a.v, a.err
	case <-wait.C:
		return verdict{}, intake.Later()
	case <-x.Ctx.Done():
		return verdict{}, x.Ctx.Err()
	}
}

// judgeNow looks at the folder's files: by the digests of what came through the gate if that is enough, else by fetching them.
func judgeNow(x *gateway.Exchange, r root, dir string) (verdict, error) {
	n, err := x.Intake()
	if err != nil {
		return verdict{}, err
	}
	names, err := walk(x, r, dir)
	if err != nil || len(names) == 0 {
		return verdict{}, err
	}
	parts := make([]intake.Part, 0, len(names))
	for _, p := range names {
		place, found, err := n.PlaceOf(x.Ctx, x.Upstream.Name, join(r.at, p))
		if err != nil {
			return verdict{}, err
		}
		if !found || place.Digest == unfinished {
			parts = nil
			break
		}
		parts = append(parts, intake.Part{Name: inner(dir, p), Digest: place.Digest})
	}
	if parts != nil {
		report, found, err := n.KnownFolder(x.Ctx, parts)
		if err != nil {
			return verdict{}, err
		}
		if found {
			return verdict{intake.FolderDigest(parts), report}, nil
		}
	}
	parts = parts[:0]
	defer func() {
		for _, p := range parts {
			p.Item.Discard()
		}
	}()
	for _, p := range names {
		it, err := fetch(x, n, r, p, true)
		if err != nil {
			return verdict{}, gone(err, p)
		}
		parts = append(parts, intake.Part{Name: inner(dir, p), Digest: it.Digest, Item: it})
	}
	report, err := n.Folder(x.Ctx, parts)
	return verdict{intake.FolderDigest(parts), report}, err
}

func inner(dir, p string) string { return strings.TrimPrefix(strings.TrimPrefix(p, dir), "/") }

// CreateVersion has the files judged that are about to become a model's version, and passes the request on. A prompt has no files.
func CreateVersion(x *gateway.Exchange) error {
	if !isPromptVersion(x.JSON) {
		if err := checkSource(x); err != nil {
			return err
		}
	}
	return x.Forward()
}

func checkSource(x *gateway.Exchange) error {
	source := field(x.JSON, "source")
	r, dir, err := locate(x, source, field(x.JSON, "run_id"), 0)
	if err != nil {
		return err
	}
	v, err := judgeFolder(x, r, dir)
	if err != nil {
		return err
	}
	return passes(x, v, "model "+source)
}

// CheckLoggedModel judges a logged model that is about to be declared ready.
func CheckLoggedModel(x *gateway.Exchange) error {
	id := x.Vars["model_id"]
	r, err := loggedRoot(x, id)
	if err != nil {
		return err
	}
	v, err := judgeFolder(x, r, "")
	if err != nil {
		return err
	}
	return passes(x, v, "model "+id)
}

// Deployable refuses to move a version to where it is served (alias, stage) unless it is clean or was released. Allow["deploy-verdicts"] names
// other verdicts that are good enough, such as unverified for models with code of their own.
func Deployable(x *gateway.Exchange, name, version string) error {
	n, err := x.Intake()
	if err != nil {
		return err
	}
	uri, run, err := versionSource(x, name, version)
	if err != nil || uri == "" {
		return err
	}
	r, dir, err := locate(x, uri, run, 0)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("version %s of model %s", version, name)
	if err := signed(x, n, r, dir, what); err != nil {
		return err
	}
	v, err := judgeFolder(x, r, dir)
	if err != nil {
		return err
	}
	if v.digest == "" || v.report.Waived != "" || v.report.Verdict == weir.VerdictClean {
		return nil
	}
	for _, allowed := range x.Upstream.Allow["deploy-verdicts"] {
		if allowed == v.report.Verdict.String() && n.Passes(&v.report) {
			return nil
		}
	}
	return turnAway(x, n, v, what)
}
