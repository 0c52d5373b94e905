package rule

import (
	"fmt"
	"strings"

	"weir"
)

// vulnerableCode reports functions with a known flaw by their own text: a copy, a fork or a back-port, whatever version it claims. The parser
// says "code.flawed" with the flaw's id, the package and the function, and "code.mended" of a function that has the fix.
func vulnerableCode(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, s := range facts[weir.Setting](u) {
			parts := strings.Fields(s.Value)
			if s.Key != "code.flawed" || len(parts) != 3 {
				continue
			}
			f := p.finding(u, 0, fmt.Sprintf("%s is here as it was before %s was mended: a copy of %s", parts[2], parts[0], parts[1]), s.Value)
			f.Pos.Line, f.Aliases = s.Line, []string{parts[0]}
			p.Report(f)
		}
	}
}
