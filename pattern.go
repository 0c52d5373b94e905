package weir

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression that is compiled when it is first asked for: each start of the program, and of each worker, would pay for all of
// them otherwise, and most files need none. One that is malformed panics then, so each needs a test that asks for it.
func Pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
