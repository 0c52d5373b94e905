package h2o

import (
	"encoding/binary"
	"fmt"
	"strings"

	"weir"
)

// told are the fields whose values `weir inspect` shows, with the keys of their notes.
var told = map[string]string{
	"hex.Model$Output._names":                           "h2o.columns",
	"hex.Model$Output._start_time":                      "h2o.trained",
	"hex.tree.SharedTreeModel$SharedTreeOutput._ntrees": "h2o.trees",
	"hex.Model$Parameters._response_column":             "h2o.response",
}

// maxColumns bounds the columns that are named.
const maxColumns = 30

// describe tells of the field that was read from an offset on, if a person wants to know it.
func (w *walker) describe(where string, at int64) {
	key, ok := told[where]
	if !ok {
		return
	}
	r := reader{src: w.in, size: w.r.at, at: at}
	text := ""
	switch key {
	case "h2o.columns":
		text = columns(&r)
	case "h2o.response":
		text, _ = r.text()
	case "h2o.trees":
		if b, err := r.take(4); err == nil {
			text = fmt.Sprint(int32(binary.LittleEndian.Uint32(b)))
		}
	case "h2o.trained":
		if b, err := r.take(8); err == nil {
			if ms := int64(binary.LittleEndian.Uint64(b)); ms > 0 && ms < 1<<43 {
				text = utc(ms / 1000)
			}
		}
	}
	if text != "" {
		w.in.Emit(weir.Note{Key: key, Value: short(text)})
	}
}

// columns names the columns of an array of strings.
func columns(r *reader) string {
	sub := walker{r: *r}
	var names []string
	n, err := sub.sparse(func() error {
		s, err := sub.r.text()
		if len(names) < maxColumns {
			names = append(names, s)
		}
		return err
	}, nil)
	if err != nil || n <= 0 {
		return ""
	}
	list := strings.Join(names, ", ")
	if more := n - int64(len(names)); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%d: %s", n, list)
}

// utc writes seconds since 1970 as a date and time: parsers have no clock, and the package time is one.
func utc(s int64) string {
	days, rest := s/86400, s%86400
	// Howard Hinnant's civil_from_days, for days after 1970
	z := days + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day, month, year := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if month > 12 {
		month, year = month-12, year+1
	}
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, rest/3600, rest/60%60, rest%60)
}

// told reads a field as fields does, and tells of it.
func (w *walker) told(f *layoutField) error {
	at := w.r.at
	w.path = append(w.path, f.where)
	if err := w.field(f.code); err != nil {
		return err
	}
	w.path = w.path[:len(w.path)-1]
	w.describe(f.where, at)
	return nil
}
