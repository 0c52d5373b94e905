package advisory

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Install checks a database in whole and puts it in the place of another, in one step. One that is older than what is there is refused.
func Install(from, to string) (Info, error) {
	return place(from, to, func(fresh Info) error {
		old, err := Describe(to)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil: // what is there is damaged: anything whole is better
			return nil
		case fresh.Serial < old.Serial || fresh.Date.Before(old.Date):
			return fmt.Errorf("it is of %s, older than the one in use of %s; remove %q to go back on purpose", fresh.Date.Format("2006-01-02"),
				old.Date.Format("2006-01-02"), to)
		}
		return nil
	})
}

// Copy checks a database and writes it to another file.
func Copy(from, to string) (Info, error) {
	return place(from, to, func(Info) error { return nil })
}

// Describe opens one file alone and says what it holds.
func Describe(name string) (Info, error) {
	data, release, err := mapFile(name)
	if err != nil {
		return Info{}, err
	}
	defer release()
	p, err := parse(data)
	if err != nil {
		return Info{}, err
	}
	p.name = name
	return p.info(), nil
}

func place(from, to string, accept func(Info) error) (info Info, err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return Info{}, err
	}
	src, err := os.Open(from)
	if err != nil {
		return Info{}, err
	}
	defer src.Close()
	_, err = into(to, src, func(name string) error {
		err := Check(name)
		if err == nil {
			info, err = Describe(name)
		}
		if err == nil {
			err = accept(info)
		}
		return err
	})
	info.File = to
	return info, err
}

// IsDatabase says whether a file begins as a database of any version does.
func IsDatabase(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [7]byte
	_, err = io.ReadFull(f, b[:])
	return err == nil && string(b[:]) == magic[:7]
}
