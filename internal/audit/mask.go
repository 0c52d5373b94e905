package audit

import "strings"

// masked stands in the place of a secret.
const masked = "***"

// Mask puts *** in the place of what looks like a secret: the values of parameters, JSON members and header lines whose name says so (password,
// token, secret, authorization, signature, cookie, …), the credentials of URLs, what follows Bearer or Basic, and strings that have the shape of
// well-known tokens (JSON Web Tokens, those of weir, AWS, GitHub, GitLab, Hugging Face, OpenAI). Text without any comes back as it is, without allocation.
func Mask(s string) string {
	m := masker{in: s}
	for m.at < len(s) {
		if !word(s[m.at]) {
			if strings.HasPrefix(s[m.at:], "://") {
				m.credentials()
				continue
			}
			m.at++
			continue
		}
		m.word()
	}
	if m.out == nil {
		return s
	}
	return string(append(m.out, s[m.from:]...))
}

// MaskValue masks the value of a parameter, member or header of that name.
func MaskValue(name, value string) string {
	if value != "" && secretName(name) {
		return masked
	}
	return Mask(value)
}

type masker struct {
	in   string
	at   int    // next byte to look at
	from int    // what is before was copied
	out  []byte // nil: nothing was masked so far
}

// hide replaces in[start:end].
func (m *masker) hide(start, end int) {
	if start < m.from {
		start = m.from
	}
	if end > start {
		m.out = append(append(m.out, m.in[m.from:start]...), masked...)
		m.from = end
	}
	m.at = max(m.at, end)
}

// credentials hides what stands between "://" and the last '@' of the authority.
func (m *masker) credentials() {
	start := m.at + 3
	end := start
	for end < len(m.in) && strings.IndexByte("/?# \t\r\n\"'<>", m.in[end]) < 0 {
		end++
	}
	m.at = start
	if i := strings.LastIndexByte(m.in[start:end], '@'); i > 0 {
		m.hide(start, start+i)
	}
}

func (m *masker) word() {
	start := m.at
	for m.at < len(m.in) && word(m.in[m.at]) {
		m.at++
	}
	w := m.in[start:m.at]
	switch {
	case tokenShape(w):
		m.hide(start, m.at)
	case scheme(w):
		if i := skip(m.in, m.at, " \t"); i > m.at {
			if end := until(m.in, i, " \t\r\n,;\"'&"); w[0] < 'a' || !plain(m.in[i:end]) {
				m.hide(i, end)
			}
		}
	case secretName(w):
		m.value()
	}
}

// value hides what follows a secret's name: name=value, name: value, "name": "value", and the escaped forms of JSON inside JSON.
func (m *masker) value() {
	i := skip(m.in, m.at, "\\\"' \t]")
	if i == len(m.in) || m.in[i] != '=' && m.in[i] != ':' {
		return
	}
	header := m.in[i] == ':'
	i = skip(m.in, i+1, " \t")
	if i == len(m.in) {
		return
	}
	j := skip(m.in, i, "\\")
	if j < len(m.in) && (m.in[j] == '"' || m.in[j] == '\'') {
		m.hide(j+1, quoted(m.in, j, j-i))
		return
	}
	if strings.IndexByte("[{", m.in[i]) >= 0 { // a list or an object of secrets: to the end, rather than too little
		m.hide(i, len(m.in))
		return
	}
	end := until(m.in, i, "&;, \t\r\n\"')}]")
	if tokenName(m.in[i:end]) {
		m.at = end
		return
	}
	if header && end < len(m.in) && m.in[end] == ' ' && scheme(m.in[i:end]) { // Authorization: Bearer abc
		i = skip(m.in, end, " \t")
		end = until(m.in, i, " \t\r\n,;\"'&")
	}
	m.hide(i, end)
}

// quoted finds the end of a string that starts with the quote at in[at], which had so many backslashes before it.
func quoted(in string, at, slashes int) int {
	run := 0
	for i := at + 1; i < len(in); i++ {
		switch {
		case in[i] == '\\':
			run++
		case in[i] == in[at] && run <= slashes:
			return i - run
		default:
			run = 0
		}
	}
	return len(in)
}

func word(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

func skip(in string, i int, set string) int {
	for i < len(in) && strings.IndexByte(set, in[i]) >= 0 {
		i++
	}
	return i
}

func until(in string, i int, set string) int {
	for i < len(in) && strings.IndexByte(set, in[i]) < 0 {
		i++
	}
	return i
}

// plain tells words of people ("basic authentication is off") from credentials.
func plain(w string) bool {
	for i := 0; i < len(w); i++ {
		if w[i] < 'a' || w[i] > 'z' {
			return false
		}
	}
	return true
}

func scheme(w string) bool {
	switch len(w) {
	case 5:
		return strings.EqualFold(w, "basic")
	case 6:
		return strings.EqualFold(w, "bearer") || strings.EqualFold(w, "digest")
	case 9:
		return strings.EqualFold(w, "negotiate")
	}
	return false
}

// The parts of names that say that a value is secret, without the marks between words. Compared with words of at most 64 bytes.
var secretParts = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credential", "authorization", "signature", "cookie", "sessionid"}

// notSecret are names that hold such a part and are needed to read a log.
var notSecret = map[string]bool{"pagetoken": true, "nextpagetoken": true, "maxtokens": true, "tokencount": true, "totaltokens": true}

func secretName(w string) bool {
	if len(w) < 2 || len(w) > 64 {
		return false
	}
	var buf [64]byte
	b := buf[:0]
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case c == '_' || c == '-' || c == '.':
		case 'A' <= c && c <= 'Z':
			b = append(b, c+32)
		default:
			b = append(b, c)
		}
	}
	switch string(b) {
	case "pwd", "pw", "sig", "auth":
		return true
	}
	for _, p := range secretParts {
		if len(b) >= len(p) && strings.Contains(string(b), p) {
			return !notSecret[string(b)]
		}
	}
	return false
}

// tokenName tells the visible part of a token of weir: lists show it, and the log has to say which token it was.
func tokenName(s string) bool {
	id, ok := strings.CutPrefix(s, "weir_")
	return ok && len(id) == 12 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// tokenShape tells strings that are secrets whatever stands before them.
func tokenShape(w string) bool {
	if len(w) < 20 {
		return false
	}
	for _, p := range [...]string{"weir_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "hf_", "sk-", "AKIA", "ASIA", "xoxb-", "xoxp-"} {
		if strings.HasPrefix(w, p) {
			return true
		}
	}
	return strings.HasPrefix(w, "eyJ") && strings.Count(w, ".") >= 1 // a JSON Web Token: base64 of {"
}
