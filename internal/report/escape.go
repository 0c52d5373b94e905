package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir"
)

// Printable makes s safe to show: what is not a visible character (control characters, ANSI sequences, marks that reverse the reading
// direction or have no width, bytes that are not UTF-8) is written as an escape. Line breaks are escaped too.
func Printable(s string) string {
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case visible(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	return b.String()
}

func isPrintable(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !visible(r) {
			return false
		}
		i += n
	}
	return true
}

// visible reports whether a terminal shows r as itself and goes on in the same direction. unicode.IsPrint leaves out the categories C
// (control, format with the bidi marks and joiners, private) and Z but for the plain space; the others are blank yet called letters or marks.
func visible(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, 0x034f, 0x17b4, 0x17b5:
		return false
	}
	return unicode.IsPrint(r) && !unicode.Is(unicode.Variation_Selector, r)
}

// printableLines splits s at its line breaks and makes each line printable; tabs become spaces.
func printableLines(s string) []string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\t", "    ")
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = Printable(l)
	}
	return lines
}

// valid returns e with every string that may come from a file in UTF-8.
func valid(e weir.Event) weir.Event {
	switch {
	case e.Artifact != nil:
		a := *e.Artifact
		a.Path, a.Member = weir.UTF8(a.Path), weir.UTF8(a.Member)
		e.Artifact = &a
	case e.Finding != nil:
		f := *e.Finding
		for _, s := range []*string{&f.Path, &f.Member, &f.Message, &f.Evidence, &f.Fix} {
			*s = weir.UTF8(*s)
		}
		if f.Waived != nil {
			w := *f.Waived
			w.Reason, w.Until, w.Source = weir.UTF8(w.Reason), weir.UTF8(w.Until), weir.UTF8(w.Source)
			f.Waived = &w
		}
		e.Finding = &f
	case e.Problem != nil:
		p := *e.Problem
		p.Path, p.Member, p.Reason = weir.UTF8(p.Path), weir.UTF8(p.Member), weir.UTF8(p.Reason)
		e.Problem = &p
	case e.Package != nil:
		p := *e.Package
		p.Path, p.PURL = weir.UTF8(p.Path), weir.UTF8(p.PURL)
		e.Package = &p
	case e.Start != nil:
		s := *e.Start
		s.Targets = make([]string, 0, len(e.Start.Targets))
		for _, t := range e.Start.Targets {
			s.Targets = append(s.Targets, weir.UTF8(t))
		}
		e.Start = &s
	case e.Fact != nil:
		f := *e.Fact
		f.Path, f.Member = weir.UTF8(f.Path), weir.UTF8(f.Member)
		e.Fact = &f
	}
	return e
}

// encode writes v as JSON in which every character is visible: those that a terminal would act on, which JSON allows as they are, become
// \u escapes of the same text.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return visibleJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// visibleJSON escapes what encode promises. Outside of strings JSON has none of it but line breaks, which stay.
func visibleJSON(in []byte) []byte {
	if isPrintable(string(in)) {
		return in
	}
	var b bytes.Buffer
	for i := 0; i < len(in); {
		r, n := utf8.DecodeRune(in[i:])
		switch {
		case r == '\n' || visible(r):
			b.Write(in[i : i+n])
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
		i += n
	}
	return b.Bytes()
}
