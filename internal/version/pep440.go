package version

import "strings"

// pep440 is a parsed Python version. Numbers stay decimal text without leading zeros, because nothing bounds them.
type pep440 struct {
	epoch   string
	release []string
	pre     byte // 0, 'a', 'b', 'c' (candidate)
	preN    string
	post    string // empty: none
	dev     string // empty: none
	local   []string
}

// parsePEP440 reads a version by the pattern of PEP 440, appendix B, all its alternative spellings included.
func parsePEP440(s string) (v pep440, ok bool) {
	s = lower(strings.Trim(s, " \t\n\r\f\v"))
	s = strings.TrimPrefix(s, "v")
	v.epoch = "0"
	if i := strings.IndexByte(s, '!'); i > 0 {
		if len(digitsAt(s, 0)) != i {
			return v, false
		}
		v.epoch, s = plain(s[:i]), s[i+1:]
	}
	for {
		d := digitsAt(s, 0)
		if d == "" {
			return v, false
		}
		v.release = append(v.release, plain(d))
		s = s[len(d):]
		if len(s) < 2 || s[0] != '.' || !digit(s[1]) {
			break
		}
		s = s[1:]
	}
	s = v.parsePre(s)
	s = v.parsePost(s)
	s = v.parseDev(s)
	if strings.HasPrefix(s, "+") {
		return v, v.parseLocal(s[1:])
	}
	return v, s == ""
}

// plain strips leading zeros.
func plain(digits string) string {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}

func separator(c byte) bool { return c == '.' || c == '-' || c == '_' }

// suffix reads [-_.]? word [-_.]? digits?, where the word is one of those given, the longest first.
func suffix(s string, words ...string) (word, number, rest string, ok bool) {
	t := s
	if t != "" && separator(t[0]) {
		t = t[1:]
	}
	for _, w := range words {
		if !strings.HasPrefix(t, w) {
			continue
		}
		t = t[len(w):]
		if n := digitsAt(t, 0); n != "" {
			return w, plain(n), t[len(n):], true
		}
		if t != "" && separator(t[0]) {
			if n := digitsAt(t, 1); n != "" {
				return w, plain(n), t[1+len(n):], true
			}
			t = t[1:] // the pattern lets it stand without a number
		}
		return w, "0", t, true
	}
	return "", "", s, false
}

func (v *pep440) parsePre(s string) string {
	word, n, rest, ok := suffix(s, "alpha", "beta", "preview", "pre", "rc", "a", "b", "c")
	if !ok {
		return s
	}
	v.pre, v.preN = word[0], n
	if word[0] != 'a' && word[0] != 'b' {
		v.pre = 'c'
	}
	return rest
}

func (v *pep440) parsePost(s string) string {
	if len(s) > 1 && s[0] == '-' && digit(s[1]) {
		n := digitsAt(s, 1)
		v.post = plain(n)
		return s[1+len(n):]
	}
	_, n, rest, ok := suffix(s, "post", "rev", "r")
	if !ok {
		return s
	}
	v.post = n
	return rest
}

func (v *pep440) parseDev(s string) string {
	_, n, rest, ok := suffix(s, "dev")
	if !ok {
		return s
	}
	v.dev = n
	return rest
}

func (v *pep440) parseLocal(s string) bool {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r < 0x80 && separator(byte(r)) }) {
		for i := range len(part) {
			if !digit(part[i]) && !letter(part[i]) {
				return false
			}
		}
		v.local = append(v.local, part)
	}
	// Two separators in a row, or one at an end, are not in the pattern.
	return len(v.local) > 0 && strings.Count(s, ".")+strings.Count(s, "-")+strings.Count(s, "_") == len(v.local)-1
}

func (v *pep440) prerelease() bool { return v.pre != 0 || v.dev != "" }

// base is the release without trailing zeros.
func (v *pep440) base() []string {
	n := len(v.release)
	for n > 0 && v.release[n-1] == "0" {
		n--
	}
	return v.release[:n]
}

// sameBase says whether two versions have the same epoch and release.
func (v *pep440) sameBase(w *pep440) bool {
	a, b := v.base(), w.base()
	if v.epoch != w.epoch || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// appendKey writes epoch (only where it is not 0), release, and one mark that ends the release and says what follows, in PEP 440's order:
// dev, pre (then dev, nothing or post), final, post (then dev or nothing); at last the local part. All marks lie below numbers.
func (v *pep440) appendKey(dst []byte, local bool) []byte {
	if v.epoch != "0" {
		dst = appendNumber(append(dst, 0xFF), v.epoch)
	}
	for _, n := range v.base() {
		dst = appendNumber(dst, n)
	}
	switch {
	case v.pre != 0:
		dst = appendNumber(append(dst, 3+v.pre-'a'), v.preN)
		if v.post != "" {
			dst = v.appendDev(appendNumber(append(dst, 4), v.post))
		} else {
			dst = v.appendDev(dst)
		}
	case v.post != "":
		dst = v.appendDev(appendNumber(append(dst, 7), v.post))
	case v.dev != "":
		dst = appendNumber(append(dst, 2), v.dev)
	default:
		dst = append(dst, 6)
	}
	if !local {
		return dst
	}
	for _, part := range v.local { // text lies below numbers
		if digitsAt(part, 0) == part {
			dst = appendNumber(dst, part)
		} else {
			dst = appendText(append(dst, 2), part)
		}
	}
	return dst
}

func (v *pep440) appendDev(dst []byte) []byte {
	if v.dev == "" {
		return append(dst, 3)
	}
	return appendNumber(append(dst, 2), v.dev)
}

// appendLegacy is the key of what is no PEP 440 version: setuptools' old order (parts of digits and letters, final above candidates), below
// all valid ones.
func appendLegacy(dst []byte, s string) ([]byte, bool) {
	s = lower(s)
	if !clean(s) {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, 0)
	var parts []string
	for i := 0; i < len(s); {
		j := i + 1
		switch {
		case digit(s[i]):
			j = i + len(digitsAt(s, i))
		case letter(s[i]):
			for j < len(s) && letter(s[j]) {
				j++
			}
		case s[i] == '.' || s[i] == '_':
			i++
			continue
		}
		part := s[i:j]
		i = j
		switch part {
		case "pre", "preview", "rc":
			part = "c"
		case "dev":
			part = "@"
		case "-":
			part = "final-"
		}
		if digit(part[0]) {
			part = plain(part)
			for len(part) < 8 {
				part = "0" + part
			}
		} else {
			part = "*" + part
		}
		parts = append(parts, part)
	}
	parts = append(parts, "*final")
	for _, p := range parts {
		dst = appendText(dst, p)
	}
	return dst, len(dst) > start
}
