package pyname

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed data/hooks.txt
var hooksData string

var hookNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for n := range strings.FieldsSeq(hooksData) {
		names[n] = true
	}
	return names
})

// Hook reports whether code that restores, compares, hashes or fills instances calls attributes of that name: a method of the classes that
// gen/hooks.py read, or one that they expect of what an instance holds. A state that has a callable there has it called.
func Hook(name string) bool { return hookNames()[name] }
