package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"weir"
	"weir/internal/advisory"
	"weir/internal/report"
)

// databaseName is the file in the data folder that `weir db update` keeps.
const databaseName = "advisories.db"

// dataFolder is where weir keeps what outlives a run: $XDG_DATA_HOME/weir, or .local/share/weir in the home folder (XDG Base Directory
// Specification). Empty where neither is known.
func (a *app) dataFolder() string {
	if dir := a.getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "weir")
	}
	if home := a.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "weir")
	}
	return ""
}

// openAdvisories opens the embedded pack, the database that was updated last, and those that the user names.
func (a *app) openAdvisories(s *settings) (*advisory.DB, error) {
	var files []string
	if dir := a.dataFolder(); dir != "" {
		name := filepath.Join(dir, databaseName)
		if _, err := os.Stat(name); err == nil {
			files = append(files, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, cannotRead("advisory database", name, err)
		}
	}
	files = append(files, s.list("db")...)
	db, err := advisory.Open(files...)
	if err != nil {
		return nil, &failure{code: exitUsage, what: "the advisories cannot be used", err: err}
	}
	return db, nil
}

// advise warns where the advisories are older than the settings allow, and answers from them.
func (a *app) advise(s *settings, db *advisory.DB) func(weir.Requirement) weir.Advice {
	warned := false
	return func(q weir.Requirement) weir.Advice {
		if !warned {
			warned = true
			if age, most := a.age(db), int(s.count("max-advisory-age")); most > 0 && age > most && s.origin["max-advisory-age"] == "default" {
				slog.Warn(fmt.Sprintf("the advisories are %d days old: weir db update takes newer ones", age))
			}
		}
		return db.Advise(q)
	}
}

// age of the advisories in days.
func (a *app) age(db *advisory.DB) int { return int(a.today().Sub(db.Date()) / (24 * time.Hour)) }

// tooOld is a problem where the user set an age that the advisories are beyond: then nobody can say that the packages are without known flaws.
func (a *app) tooOld(s *settings, db *advisory.DB) *weir.Problem {
	most := int(s.count("max-advisory-age"))
	if age := a.age(db); s.origin["max-advisory-age"] != "default" && most > 0 && age > most {
		return &weir.Problem{
			Path: report.Printable(db.Info()[len(db.Info())-1].File), Stage: "policy",
			Reason: fmt.Sprintf("the advisories are %d days old, and %s allows %d: weir db update takes newer ones", age, s.origin["max-advisory-age"], most),
		}
	}
	return nil
}

// malware answers of malicious packages alone: what the gate asks, because an old pin is no reason to hold a model back.
func malware(db *advisory.DB) func(weir.Requirement) weir.Advice {
	return func(q weir.Requirement) weir.Advice {
		a := db.Advise(q)
		var bad []weir.Advisory
		for _, v := range a.Advisories {
			if v.Malicious {
				bad = append(bad, v)
			}
		}
		if len(bad) == 0 {
			return weir.Advice{Affected: weir.AffectedNone, Known: a.Known}
		}
		a.Advisories = bad
		return a
	}
}
