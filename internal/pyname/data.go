package pyname

import _ "embed"

//go:embed data/curated.bin
var curatedData string

// shipped is the index that Default gives; its volumes are read in place.
var shipped = Index{volumes: []volume{volume(curatedData)}}
