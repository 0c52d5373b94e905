package pyname

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestProbeList writes the names that gen/probe.py tries, those that are safe beyond being named, to the file that WEIR_PROBE_LIST names. There
// are thousands: an index that lost them would make every honest model unknown.
func TestProbeList(t *testing.T) {
	path := os.Getenv("WEIR_PROBE_LIST")
	if path == "" {
		path = filepath.Join(t.TempDir(), "names")
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	defer w.Flush()
	n := 0
	for _, v := range Default().volumes {
		for i := range v.modules() {
			module := v.moduleName(i)
			c := v.records(i)
			for c.next() {
				o := v.object(c.record(), module, string(c.name))
				// Under its own name only: an alias leads to the same object.
				if o.Safe>>1 != 0 && (o.Kind == KindClass || o.Kind == KindFunction) && o.Module == module && o.Name == string(c.name) {
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", module, o.Name, o.Kind, uses(o.Safe), o.Shape)
					n++
				}
			}
		}
	}
	if n < 1000 {
		t.Fatalf("only %d names are safe", n)
	}
}
