package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
)

// MLflow's interface shows recipe cards and notebooks inside its own page (CVE-2024-27132 and its kin), so they come to it without script.

// displayLimit bounds what is read whole to take its script out; what is larger is handed out as a download only.
const displayLimit = 32 << 20

// display gives what the interface may show of a card or a notebook; nil for any other file, which is handed out as it is.
func display(r io.ReadSeeker, name string) ([]byte, error) {
	base := strings.ToLower(path.Base(name))
	notebook := strings.HasSuffix(base, ".ipynb")
	if !notebook && !strings.HasSuffix(base, ".html") && !strings.HasSuffix(base, ".htm") {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(r, displayLimit+1))
	if err != nil {
		return nil, err
	}
	if notebook {
		return cleanNotebook(text), nil
	}
	if !isCard(base, text) {
		_, err := r.Seek(0, io.SeekStart)
		return nil, err
	}
	return []byte(sanitize(string(text))), nil
}

// isCard knows the pages of MLflow's recipes by their name and by what their template writes (mlflow/recipes/cards).
func isCard(base string, text []byte) bool {
	return base == "card.html" || bytes.Contains(text, []byte("pebblebed")) || bytes.Contains(text, []byte("mlflow-recipe")) ||
		bytes.Contains(text, []byte("tab-bar-")) && bytes.Contains(text, []byte("onclickTab"))
}

// cleanNotebook takes script out of a notebook: outputs are shown as text and pictures, cells of text without HTML that runs. What is no
// notebook is shown as text that says so.
func cleanNotebook(text []byte) []byte {
	var book map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&book); err != nil {
		return []byte(fmt.Sprintf("{\"cells\":[],\"metadata\":{},\"nbformat\":4,\"nbformat_minor\":5,\"weir\":%q}", "this is no notebook"))
	}
	cleanCells(book, 0)
	clean, err := json.Marshal(book)
	if err != nil {
		return []byte("{}") // what was decoded can be encoded
	}
	return clean
}

// maxNested bounds the depth of a notebook; the decoder has bounded it before.
const maxNested = 10_000

// cleanCells looks at every value: notebooks of nbformat 3 keep cells in worksheets, those of 4 at the top, and extensions elsewhere.
func cleanCells(v any, depth int) any {
	if depth > maxNested {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if runs(name) {
				delete(v, name)
				continue
			}
			if isMarkup(name) || name == "source" && v["cell_type"] != "code" {
				v[name] = cleanText(inner)
				continue
			}
			v[name] = cleanCells(inner, depth+1)
		}
	case []any:
		for i := range v {
			v[i] = cleanCells(v[i], depth+1)
		}
	}
	return v
}

// runs knows the outputs that are programs.
func runs(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "javascript") || strings.Contains(name, "svg") || strings.HasPrefix(name, "application/vnd.") || name == "application/xhtml+xml"
}

// isMarkup knows the outputs that are pages.
func isMarkup(name string) bool {
	name = strings.ToLower(name)
	return name == "text/html" || name == "html" || name == "text/markdown" || name == "text/latex" || name == "latex"
}

// cleanText cleans a text or the list of its lines. Lines are joined first: a tag may go over several.
func cleanText(v any) any {
	switch v := v.(type) {
	case string:
		return sanitize(v)
	case []any:
		var all strings.Builder
		for _, line := range v {
			s, ok := line.(string)
			if !ok {
				return nil
			}
			all.WriteString(s)
		}
		return []any{sanitize(all.String())}
	}
	return nil
}
