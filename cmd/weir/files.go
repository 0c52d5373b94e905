package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// maxList bounds a list of targets.
const maxList = 256 << 20

// filesFrom reads a list of targets: one a line, or each ended by NUL if the list has any (find -print0, git diff -z).
func (a *app) filesFrom(name string) ([]string, error) {
	r := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, cannotRead("list of files", name, err)
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err == nil && len(text) > maxList {
		err = fmt.Errorf("it is larger than %s", size(maxList))
	}
	if err != nil {
		return nil, cannotRead("list of files", name, err)
	}
	sep := []byte("\n")
	if bytes.IndexByte(text, 0) >= 0 {
		sep = []byte{0}
	}
	var list []string
	for line := range bytes.SplitSeq(text, sep) {
		if sep[0] == '\n' {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if len(line) > 0 {
			list = append(list, string(line))
		}
	}
	return list, nil
}
