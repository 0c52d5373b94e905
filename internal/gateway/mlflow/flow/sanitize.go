package flow

import (
	"strings"

	"golang.org/x/net/html"
)

// What may stand in a card or a notebook's cell: text, lists, tables, links and pictures within the page. Nothing that a browser parses by other
// rules than HTML's own (svg, math, style, template, noscript, select) is among it, so that what is written here is read as it was meant.
var elements = set(`a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark
	ol p pre q s samp small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var`)

// Elements whose content is no text for people.
var dropped = set(`applet audio canvas frameset head iframe math noembed noframes noscript object plaintext script select style svg template
	textarea title video xmp`)

// Attributes that any element may have; href and src are looked at by themselves.
var attributes = set(`align alt class colspan height open rowspan scope title valign width`)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[n] = true
	}
	return m
}

// sanitize writes a page anew from the elements and attributes that are allowed; all else is left out, its text kept. The result holds nothing but
// these tags and escaped text, however the input was meant to be read.
func sanitize(text string) string {
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(text))
	skip, depth := "", 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out.String() // the end: a reader of a string has no other error
		case html.TextToken:
			if skip == "" {
				out.WriteString(html.EscapeString(z.Token().Data))
			}
		case html.StartTagToken:
			t := z.Token()
			if skip == t.Data {
				depth++
			}
			if skip == "" && dropped[t.Data] {
				skip, depth = t.Data, 1
			}
			if skip == "" {
				writeTag(&out, &t)
			}
		case html.SelfClosingTagToken: // in HTML the slash means nothing, but within what is left out it ends svg's and math's elements
			if t := z.Token(); skip == "" && !dropped[t.Data] {
				writeTag(&out, &t)
			}
		case html.EndTagToken:
			t := z.Token()
			switch {
			case skip == t.Data:
				if depth--; depth == 0 {
					skip = ""
				}
			case skip == "" && elements[t.Data]:
				out.WriteString("</" + t.Data + ">")
			}
		}
	}
}

func writeTag(out *strings.Builder, t *html.Token) {
	if !elements[t.Data] {
		return
	}
	out.WriteString("<" + t.Data)
	for _, a := range t.Attr {
		switch {
		case attributes[a.Key]:
		case a.Key == "href" && t.Data == "a" && leads(a.Val):
		case a.Key == "src" && t.Data == "img" && isPicture(a.Val):
		default:
			continue
		}
		out.WriteString(" " + a.Key + `="` + html.EscapeString(a.Val) + `"`)
	}
	if t.Data == "a" {
		out.WriteString(` rel="nofollow noreferrer"`)
	}
	out.WriteString(">")
}

// leads says whether a link may stand: to a page, to mail, or within the page. Browsers drop blanks and control characters from schemes, so none may
// stand in it.
func leads(href string) bool {
	if strings.ContainsFunc(href, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	lower := strings.ToLower(href)
	return strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "mailto:") || strings.HasPrefix(lower, "#")
}

// isPicture says whether a picture lies within the page, in a form that holds no script.
func isPicture(src string) bool {
	for _, kind := range []string{"png", "jpeg", "gif", "webp"} {
		if body, ok := strings.CutPrefix(src, "data:image/"+kind+";base64,"); ok {
			return !strings.ContainsFunc(body, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+/=\r\n \t", r)
			})
		}
	}
	return false
}
