package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"weir"
)

// The picture's measures in pixels.
const (
	mapWidth   = 960
	mapRow     = 14
	mapRows    = 48 // a file is at most so many rows; a short one has fewer
	mapMargin  = 16
	mapListed  = 24   // parts that are named below the picture, the largest
	mapLeast   = 0.25 // narrower pieces are left out
	mapPieces  = 20_000
	mapRowLeft = 90 // where rows begin, behind their offsets
)

// kindColor gives each kind of part its colour; what nothing names is hatched.
var kindColor = map[string]string{
	"header": "#7a8ba3", "entry": "#7a8ba3", "directory": "#3d5a80", "end record": "#1d3557", "data": "#98c1d9", "array": "#8ab17d", "pickle": "#e9c46a",
	"padding": "#d9d9d9", "metadata": "#b39ddb", "comment": "#c9ada7",
}

// ByteMap writes a picture (SVG, without scripts) of which ranges a file is made of. The rows are the file from its beginning to its end;
// each part's name, place and size are shown when the pointer rests on it. What no part names is hatched in red.
func ByteMap(w io.Writer, i *Inspection) error {
	b := bufio.NewWriter(w)
	parts := mapParts(i)
	rows := int64(mapRows)
	if i.Size < 64*mapRows {
		rows = max(1, (i.Size+63)/64)
	}
	perRow := max(1, (i.Size+rows-1)/rows)
	listed := largest(parts)
	height := mapMargin*4 + int(rows)*mapRow + (len(listed)+2)*18
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="ui-monospace, monospace" font-size="12">`+"\n",
		mapWidth+mapRowLeft+mapMargin, height, mapWidth+mapRowLeft+mapMargin, height)
	b.WriteString(`<defs><pattern id="unnamed" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#d62828"/></pattern></defs>` + "\n")
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="%d" font-size="14" font-weight="bold">%s</text>`+"\n", mapMargin, mapMargin+6,
		entities(Printable(short(i.Path, 90))+fmt.Sprintf("  %s, %s", cmp.Or(i.Format, "unknown format"), Bytes(i.Size))))
	top := mapMargin * 2
	for r := range rows {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#666" font-size="10">%s</text>`+"\n", mapRowLeft-8, top+int(r)*mapRow+mapRow-4, thousands(r*perRow))
	}
	pieces := 0
	for _, p := range parts {
		for at := p.At; at < p.At+p.Size && pieces < mapPieces; {
			row := at / perRow
			end := min(p.At+p.Size, (row+1)*perRow)
			x, wide := float64(at-row*perRow)/float64(perRow)*mapWidth, float64(end-at)/float64(perRow)*mapWidth
			if wide >= mapLeast {
				pieces++
				fmt.Fprintf(b, `<rect x="%.2f" y="%d" width="%.2f" height="%d" fill="%s" stroke="#fff" stroke-width="0.5"><title>%s</title></rect>`+"\n",
					mapRowLeft+x, top+int(row)*mapRow, wide, mapRow-2, fill(p.Kind), entities(partTitle(p)))
			}
			at = end
		}
	}
	y := top + int(rows)*mapRow + mapMargin
	for _, p := range listed {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", mapMargin, y, fill(p.Kind), mapMargin+20, y+11,
			entities(partTitle(p)))
		y += 18
	}
	if more := len(parts) - len(listed); more > 0 {
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="#666">and %s</text>`+"\n", mapMargin+20, y+11, plural(more, "smaller part"))
	}
	b.WriteString("</svg>\n")
	return b.Flush()
}

func fill(kind string) string {
	if kind == unnamed {
		return "url(#unnamed)"
	}
	return cmp.Or(kindColor[kind], "#b0bec5")
}

// unnamed is the kind of what no part names.
const unnamed = "unnamed"

func partTitle(p weir.Part) string {
	s := p.Kind
	if p.Name != "" {
		s += " " + Printable(short(p.Name, 80))
	}
	return fmt.Sprintf("%s: %s at byte %s", s, Bytes(p.Size), thousands(p.At))
}

// mapParts are the parts of a file by offset, with what lies between them. Without any the file is one part of its format.
func mapParts(i *Inspection) []weir.Part {
	if len(i.Parts) == 0 {
		return []weir.Part{{Kind: "data", Name: cmp.Or(i.Format, "file"), Size: i.Size}}
	}
	var all []weir.Part
	at := int64(0)
	for _, p := range i.Parts {
		if p.At < 0 || p.Size <= 0 || p.At >= i.Size {
			continue
		}
		p.Size = min(p.Size, i.Size-p.At)
		if p.At > at {
			all = append(all, weir.Part{Kind: unnamed, At: at, Size: p.At - at})
		}
		all = append(all, p)
		at = max(at, p.At+p.Size)
	}
	if at < i.Size {
		all = append(all, weir.Part{Kind: unnamed, At: at, Size: i.Size - at})
	}
	return all
}

// largest picks the parts that the picture names, in the order of the file.
func largest(parts []weir.Part) []weir.Part {
	list := slices.Clone(parts)
	slices.SortStableFunc(list, func(a, b weir.Part) int { return cmp.Compare(b.Size, a.Size) })
	list = list[:min(len(list), mapListed)]
	slices.SortStableFunc(list, func(a, b weir.Part) int { return cmp.Compare(a.At, b.At) })
	return list
}
